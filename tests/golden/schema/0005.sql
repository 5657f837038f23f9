SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE TYPE public.change_status AS ENUM (
    'prepared',
    'done',
    'undoing',
    'undone',
    'abandoned'
);
CREATE TYPE public.file_status AS ENUM (
    'pending',
    'indexed',
    'failed'
);
CREATE TYPE public.procrastinate_job_event_type AS ENUM (
    'deferred',
    'started',
    'deferred_for_retry',
    'failed',
    'succeeded',
    'cancelled',
    'abort_requested',
    'aborted',
    'scheduled',
    'retried'
);
CREATE TYPE public.procrastinate_job_status AS ENUM (
    'todo',
    'doing',
    'succeeded',
    'failed',
    'cancelled',
    'aborting',
    'aborted'
);
CREATE TYPE public.procrastinate_job_to_defer_v1 AS (
	queue_name character varying,
	task_name character varying,
	priority integer,
	lock text,
	queueing_lock text,
	args jsonb,
	scheduled_at timestamp with time zone
);
CREATE TYPE public.task_status AS ENUM (
    'pending',
    'success',
    'fail'
);
CREATE FUNCTION public.procrastinate_cancel_job_v1(job_id bigint, abort boolean, delete_job boolean) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
    _job_id bigint;
BEGIN
    IF delete_job THEN
        DELETE FROM procrastinate_jobs
        WHERE id = job_id AND status = 'todo'
        RETURNING id INTO _job_id;
    END IF;
    IF _job_id IS NULL THEN
        IF abort THEN
            UPDATE procrastinate_jobs
            SET abort_requested = true,
                status = CASE status
                    WHEN 'todo' THEN 'cancelled'::procrastinate_job_status ELSE status
                END
            WHERE id = job_id AND status IN ('todo', 'doing')
            RETURNING id INTO _job_id;
        ELSE
            UPDATE procrastinate_jobs
            SET status = 'cancelled'::procrastinate_job_status
            WHERE id = job_id AND status = 'todo'
            RETURNING id INTO _job_id;
        END IF;
    END IF;
    RETURN _job_id;
END;
$$;
CREATE FUNCTION public.procrastinate_defer_jobs_v1(jobs public.procrastinate_job_to_defer_v1[]) RETURNS bigint[]
    LANGUAGE plpgsql
    AS $$
DECLARE
    job_ids bigint[];
BEGIN
    WITH inserted_jobs AS (
        INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args, scheduled_at)
        SELECT (job).queue_name,
               (job).task_name,
               (job).priority,
               (job).lock,
               (job).queueing_lock,
               (job).args,
               (job).scheduled_at
        FROM unnest(jobs) AS job
        RETURNING id
    )
    SELECT array_agg(id) FROM inserted_jobs INTO job_ids;
    RETURN job_ids;
END;
$$;
CREATE FUNCTION public.procrastinate_defer_periodic_job_v2(_queue_name character varying, _lock character varying, _queueing_lock character varying, _task_name character varying, _priority integer, _periodic_id character varying, _defer_timestamp bigint, _args jsonb) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
	_job_id bigint;
	_defer_id bigint;
BEGIN
    INSERT
        INTO procrastinate_periodic_defers (task_name, periodic_id, defer_timestamp)
        VALUES (_task_name, _periodic_id, _defer_timestamp)
        ON CONFLICT DO NOTHING
        RETURNING id into _defer_id;
    IF _defer_id IS NULL THEN
        RETURN NULL;
    END IF;
    UPDATE procrastinate_periodic_defers
        SET job_id = (
            SELECT COALESCE((
                SELECT unnest(procrastinate_defer_jobs_v1(
                    ARRAY[
                        ROW(
                            _queue_name,
                            _task_name,
                            _priority,
                            _lock,
                            _queueing_lock,
                            _args,
                            NULL::timestamptz
                        )
                    ]::procrastinate_job_to_defer_v1[]
                ))
            ), NULL)
        )
        WHERE id = _defer_id
        RETURNING job_id INTO _job_id;
    DELETE
        FROM procrastinate_periodic_defers
        USING (
            SELECT id
            FROM procrastinate_periodic_defers
            WHERE procrastinate_periodic_defers.task_name = _task_name
            AND procrastinate_periodic_defers.periodic_id = _periodic_id
            AND procrastinate_periodic_defers.defer_timestamp < _defer_timestamp
            ORDER BY id
            FOR UPDATE
        ) to_delete
        WHERE procrastinate_periodic_defers.id = to_delete.id;
    RETURN _job_id;
END;
$$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.procrastinate_jobs (
    id bigint NOT NULL,
    queue_name character varying(128) NOT NULL,
    task_name character varying(128) NOT NULL,
    priority integer DEFAULT 0 NOT NULL,
    lock text,
    queueing_lock text,
    args jsonb DEFAULT '{}'::jsonb NOT NULL,
    status public.procrastinate_job_status DEFAULT 'todo'::public.procrastinate_job_status NOT NULL,
    scheduled_at timestamp with time zone,
    attempts integer DEFAULT 0 NOT NULL,
    abort_requested boolean DEFAULT false NOT NULL,
    worker_id bigint,
    CONSTRAINT check_not_todo_abort_requested CHECK ((NOT ((status = 'todo'::public.procrastinate_job_status) AND (abort_requested = true))))
);
CREATE FUNCTION public.procrastinate_fetch_job_v2(target_queue_names character varying[], p_worker_id bigint) RETURNS public.procrastinate_jobs
    LANGUAGE plpgsql
    AS $$
DECLARE
	found_jobs procrastinate_jobs;
BEGIN
    WITH candidate AS (
        SELECT jobs.*
            FROM procrastinate_jobs AS jobs
            WHERE
                -- reject the job if its lock has earlier or higher priority jobs
                NOT EXISTS (
                    SELECT 1
                        FROM procrastinate_jobs AS other_jobs
                        WHERE
                            jobs.lock IS NOT NULL
                            AND other_jobs.lock = jobs.lock
                            AND (
                                -- job with same lock is already running
                                other_jobs.status = 'doing'
                                OR
                                -- job with same lock is waiting and has higher priority (or same priority but was queued first)
                                (
                                    other_jobs.status = 'todo'
                                    AND (
                                        other_jobs.priority > jobs.priority
                                        OR (
                                        other_jobs.priority = jobs.priority
                                        AND other_jobs.id < jobs.id
                                        )
                                    )
                                )
                            )
                )
                AND jobs.status = 'todo'
                AND (target_queue_names IS NULL OR jobs.queue_name = ANY( target_queue_names ))
                AND (jobs.scheduled_at IS NULL OR jobs.scheduled_at <= now())
            ORDER BY jobs.priority DESC, jobs.id ASC LIMIT 1
            FOR UPDATE OF jobs SKIP LOCKED
    )
    UPDATE procrastinate_jobs
        SET status = 'doing', worker_id = p_worker_id
        FROM candidate
        WHERE procrastinate_jobs.id = candidate.id
        RETURNING procrastinate_jobs.* INTO found_jobs;
 RETURN found_jobs;
END;
$$;
CREATE FUNCTION public.procrastinate_finish_job_v1(job_id bigint, end_status public.procrastinate_job_status, delete_job boolean) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    _job_id bigint;
BEGIN
    IF end_status NOT IN ('succeeded', 'failed', 'aborted') THEN
        RAISE 'End status should be either "succeeded", "failed" or "aborted" (job id: %)', job_id;
    END IF;
    IF delete_job THEN
        DELETE FROM procrastinate_jobs
        WHERE id = job_id AND status IN ('todo', 'doing')
        RETURNING id INTO _job_id;
    ELSE
        UPDATE procrastinate_jobs
        SET status = end_status,
            abort_requested = false,
            attempts = CASE status
                WHEN 'doing' THEN attempts + 1 ELSE attempts
            END
        WHERE id = job_id AND status IN ('todo', 'doing')
        RETURNING id INTO _job_id;
    END IF;
    IF _job_id IS NULL THEN
        RAISE 'Job was not found or not in "doing" or "todo" status (job id: %)', job_id;
    END IF;
END;
$$;
CREATE FUNCTION public.procrastinate_notify_queue_abort_job_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    payload TEXT;
BEGIN
    SELECT json_build_object('type', 'abort_job_requested', 'job_id', NEW.id)::text INTO payload;
	PERFORM pg_notify('procrastinate_queue_v1#' || NEW.queue_name, payload);
	PERFORM pg_notify('procrastinate_any_queue_v1', payload);
	RETURN NEW;
END;
$$;
CREATE FUNCTION public.procrastinate_notify_queue_job_inserted_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    payload TEXT;
BEGIN
    SELECT json_build_object('type', 'job_inserted', 'job_id', NEW.id)::text INTO payload;
	PERFORM pg_notify('procrastinate_queue_v1#' || NEW.queue_name, payload);
	PERFORM pg_notify('procrastinate_any_queue_v1', payload);
	RETURN NEW;
END;
$$;
CREATE FUNCTION public.procrastinate_prune_stalled_workers_v1(seconds_since_heartbeat double precision) RETURNS TABLE(worker_id bigint)
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN QUERY
    DELETE FROM procrastinate_workers
    WHERE last_heartbeat < NOW() - (seconds_since_heartbeat || 'SECOND')::INTERVAL
    RETURNING procrastinate_workers.id;
END;
$$;
CREATE FUNCTION public.procrastinate_register_worker_v1() RETURNS TABLE(worker_id bigint)
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN QUERY
    INSERT INTO procrastinate_workers DEFAULT VALUES
    RETURNING procrastinate_workers.id;
END;
$$;
CREATE FUNCTION public.procrastinate_retry_job_v1(job_id bigint, retry_at timestamp with time zone, new_priority integer, new_queue_name character varying, new_lock character varying) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    _job_id bigint;
    _abort_requested boolean;
BEGIN
    SELECT abort_requested FROM procrastinate_jobs
    WHERE id = job_id AND status = 'doing'
    FOR UPDATE
    INTO _abort_requested;
    IF _abort_requested THEN
        UPDATE procrastinate_jobs
        SET status = 'failed'::procrastinate_job_status
        WHERE id = job_id AND status = 'doing'
        RETURNING id INTO _job_id;
    ELSE
        UPDATE procrastinate_jobs
        SET status = 'todo'::procrastinate_job_status,
            attempts = attempts + 1,
            scheduled_at = retry_at,
            priority = COALESCE(new_priority, priority),
            queue_name = COALESCE(new_queue_name, queue_name),
            lock = COALESCE(new_lock, lock)
        WHERE id = job_id AND status = 'doing'
        RETURNING id INTO _job_id;
    END IF;
    IF _job_id IS NULL THEN
        RAISE 'Job was not found or not in "doing" status (job id: %)', job_id;
    END IF;
END;
$$;
CREATE FUNCTION public.procrastinate_retry_job_v2(job_id bigint, retry_at timestamp with time zone, new_priority integer, new_queue_name character varying, new_lock character varying) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    _job_id bigint;
    _abort_requested boolean;
    _current_status procrastinate_job_status;
BEGIN
    SELECT status, abort_requested FROM procrastinate_jobs
    WHERE id = job_id AND status IN ('doing', 'failed')
    FOR UPDATE
    INTO _current_status, _abort_requested;
    IF _current_status = 'doing' AND _abort_requested THEN
        UPDATE procrastinate_jobs
        SET status = 'failed'::procrastinate_job_status
        WHERE id = job_id AND status = 'doing'
        RETURNING id INTO _job_id;
    ELSE
        UPDATE procrastinate_jobs
        SET status = 'todo'::procrastinate_job_status,
            attempts = attempts + 1,
            scheduled_at = retry_at,
            priority = COALESCE(new_priority, priority),
            queue_name = COALESCE(new_queue_name, queue_name),
            lock = COALESCE(new_lock, lock)
        WHERE id = job_id AND status IN ('doing', 'failed')
        RETURNING id INTO _job_id;
    END IF;
    IF _job_id IS NULL THEN
        RAISE 'Job was not found or has an invalid status to retry (job id: %)', job_id;
    END IF;
END;
$$;
CREATE FUNCTION public.procrastinate_trigger_abort_requested_events_procedure_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO procrastinate_events(job_id, type)
        VALUES (NEW.id, 'abort_requested'::procrastinate_job_event_type);
    RETURN NEW;
END;
$$;
CREATE FUNCTION public.procrastinate_trigger_function_scheduled_events_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO procrastinate_events(job_id, type, at)
        VALUES (NEW.id, 'scheduled'::procrastinate_job_event_type, NEW.scheduled_at);
	RETURN NEW;
END;
$$;
CREATE FUNCTION public.procrastinate_trigger_function_status_events_insert_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO procrastinate_events(job_id, type)
        VALUES (NEW.id, 'deferred'::procrastinate_job_event_type);
	RETURN NEW;
END;
$$;
CREATE FUNCTION public.procrastinate_trigger_function_status_events_update_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    WITH t AS (
        SELECT CASE
            WHEN OLD.status = 'todo'::procrastinate_job_status
                AND NEW.status = 'doing'::procrastinate_job_status
                THEN 'started'::procrastinate_job_event_type
            WHEN OLD.status = 'doing'::procrastinate_job_status
                AND NEW.status = 'todo'::procrastinate_job_status
                THEN 'deferred_for_retry'::procrastinate_job_event_type
            WHEN OLD.status = 'doing'::procrastinate_job_status
                AND NEW.status = 'failed'::procrastinate_job_status
                THEN 'failed'::procrastinate_job_event_type
            WHEN OLD.status = 'doing'::procrastinate_job_status
                AND NEW.status = 'succeeded'::procrastinate_job_status
                THEN 'succeeded'::procrastinate_job_event_type
            WHEN OLD.status = 'todo'::procrastinate_job_status
                AND (
                    NEW.status = 'cancelled'::procrastinate_job_status
                    OR NEW.status = 'failed'::procrastinate_job_status
                    OR NEW.status = 'succeeded'::procrastinate_job_status
                )
                THEN 'cancelled'::procrastinate_job_event_type
            WHEN OLD.status = 'doing'::procrastinate_job_status
                AND NEW.status = 'aborted'::procrastinate_job_status
                THEN 'aborted'::procrastinate_job_event_type
            WHEN OLD.status = 'failed'::procrastinate_job_status
                AND NEW.status = 'todo'::procrastinate_job_status
                THEN 'retried'::procrastinate_job_event_type
            ELSE NULL
        END as event_type
    )
    INSERT INTO procrastinate_events(job_id, type)
        SELECT NEW.id, t.event_type
        FROM t
        WHERE t.event_type IS NOT NULL;
	RETURN NEW;
END;
$$;
CREATE FUNCTION public.procrastinate_unlink_periodic_defers_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE procrastinate_periodic_defers
    SET job_id = NULL
    WHERE job_id = OLD.id;
    RETURN OLD;
END;
$$;
CREATE FUNCTION public.procrastinate_unregister_worker_v1(worker_id bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    DELETE FROM procrastinate_workers
    WHERE id = worker_id;
END;
$$;
CREATE FUNCTION public.procrastinate_update_heartbeat_v1(worker_id bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE procrastinate_workers
    SET last_heartbeat = NOW()
    WHERE id = worker_id;
END;
$$;
CREATE TABLE public.audit_findings (
    finding_id bigint NOT NULL,
    kind text NOT NULL,
    problem text,
    reason text NOT NULL,
    CONSTRAINT audit_findings_kind_check CHECK ((kind = ANY (ARRAY['mislabelled'::text, 'duplicates'::text, 'broken'::text])))
);
CREATE TABLE public.audit_members (
    finding_id bigint NOT NULL,
    place integer NOT NULL,
    file_id bigint,
    recording_id bigint,
    path bytea,
    size_bytes bigint,
    mtime_ns bigint,
    duration_s double precision,
    name_number integer,
    title text,
    artist text,
    source text,
    is_likely boolean,
    relation text,
    related_place integer,
    coverage real,
    other_coverage real,
    met_share real,
    speed real
);
CREATE TABLE public.audit_runs (
    run_id bigint NOT NULL,
    status text DEFAULT 'running'::text NOT NULL,
    is_fresh boolean NOT NULL,
    error text,
    recordings integer,
    files integer,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT audit_runs_status_check CHECK ((status = ANY (ARRAY['running'::text, 'done'::text, 'cancelled'::text, 'failed'::text, 'interrupted'::text])))
);
ALTER TABLE public.audit_runs ALTER COLUMN run_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_runs_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.audited_files (
    file_id bigint NOT NULL,
    size_bytes bigint NOT NULL,
    mtime_ns bigint NOT NULL,
    codec text,
    is_lossless boolean,
    bit_rate bigint,
    sample_rate_hz integer,
    channels integer,
    stated_s double precision,
    has_mbid boolean NOT NULL
);
CREATE TABLE public.audited_recordings (
    recording_id bigint NOT NULL,
    sounding_s double precision,
    is_recognisable boolean
);
CREATE TABLE public.changes (
    change_id bigint NOT NULL,
    file_id bigint,
    root bytea NOT NULL,
    path bytea NOT NULL,
    cause text NOT NULL,
    recording_id bigint,
    status public.change_status DEFAULT 'prepared'::public.change_status NOT NULL,
    error text,
    before_sha256 bytea NOT NULL,
    after_sha256 bytea NOT NULL,
    audio_md5 bytea NOT NULL,
    delta bytea NOT NULL,
    before_tags jsonb NOT NULL,
    after_tags jsonb NOT NULL,
    evidence jsonb NOT NULL,
    confirmed_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT changes_cause_check CHECK ((cause = ANY (ARRAY['identified'::text, 'accepted'::text, 'named'::text, 'filled'::text, 'restored'::text])))
);
ALTER TABLE ONLY public.changes ALTER COLUMN delta SET STORAGE EXTERNAL;
ALTER TABLE public.changes ALTER COLUMN change_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.changes_change_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.files (
    file_id bigint NOT NULL,
    library_id smallint NOT NULL,
    path bytea NOT NULL,
    size_bytes bigint NOT NULL,
    mtime_ns bigint NOT NULL,
    inode bigint NOT NULL,
    device bigint NOT NULL,
    status public.file_status DEFAULT 'pending'::public.file_status NOT NULL,
    attempts smallint DEFAULT 0 NOT NULL,
    error text,
    missing_since timestamp with time zone,
    recording_id bigint,
    content_hash bytea,
    tags jsonb,
    naming text,
    arrived_later boolean DEFAULT false NOT NULL,
    identified_at timestamp with time zone,
    CONSTRAINT files_naming_check CHECK ((naming = ANY (ARRAY['named'::text, 'incomplete'::text, 'unknown'::text])))
);
ALTER TABLE public.files ALTER COLUMN file_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.files_file_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.kinships (
    one_id bigint NOT NULL,
    other_id bigint NOT NULL,
    relation text NOT NULL,
    is_reversed boolean NOT NULL,
    coverage real NOT NULL,
    other_coverage real NOT NULL,
    met_share real NOT NULL,
    speed real NOT NULL,
    CONSTRAINT kinships_check CHECK ((one_id < other_id)),
    CONSTRAINT kinships_relation_check CHECK ((relation = ANY (ARRAY['copy'::text, 'version'::text, 'edit'::text, 'excerpt'::text])))
);
CREATE TABLE public.libraries (
    library_id smallint NOT NULL,
    root bytea NOT NULL,
    watched boolean NOT NULL,
    scanned_at timestamp with time zone
);
ALTER TABLE public.libraries ALTER COLUMN library_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.libraries_library_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.lookups (
    task_id uuid NOT NULL,
    file_id bigint,
    path bytea NOT NULL,
    source text,
    item_id text,
    wants_tags boolean NOT NULL,
    asked_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone
);
CREATE TABLE public.match_tasks (
    task_id uuid NOT NULL,
    status public.task_status DEFAULT 'pending'::public.task_status NOT NULL,
    result jsonb,
    error text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone
);
CREATE TABLE public.procrastinate_events (
    id bigint NOT NULL,
    job_id bigint NOT NULL,
    type public.procrastinate_job_event_type,
    at timestamp with time zone DEFAULT now()
);
CREATE SEQUENCE public.procrastinate_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.procrastinate_events_id_seq OWNED BY public.procrastinate_events.id;
CREATE SEQUENCE public.procrastinate_jobs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.procrastinate_jobs_id_seq OWNED BY public.procrastinate_jobs.id;
CREATE TABLE public.procrastinate_periodic_defers (
    id bigint NOT NULL,
    task_name character varying(128) NOT NULL,
    defer_timestamp bigint,
    job_id bigint,
    periodic_id character varying(128) DEFAULT ''::character varying NOT NULL
);
CREATE SEQUENCE public.procrastinate_periodic_defers_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.procrastinate_periodic_defers_id_seq OWNED BY public.procrastinate_periodic_defers.id;
CREATE TABLE public.procrastinate_workers (
    id bigint NOT NULL,
    last_heartbeat timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.procrastinate_workers ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.procrastinate_workers_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.proposals (
    proposal_id bigint NOT NULL,
    file_id bigint NOT NULL,
    outcome text NOT NULL,
    reason text NOT NULL,
    refusal text,
    candidates jsonb NOT NULL,
    apply_as text,
    apply_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT proposals_apply_as_check CHECK ((apply_as = ANY (ARRAY['identified'::text, 'filled'::text, 'accepted'::text]))),
    CONSTRAINT proposals_outcome_check CHECK ((outcome = ANY (ARRAY['identified'::text, 'ambiguous'::text])))
);
ALTER TABLE public.proposals ALTER COLUMN proposal_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.proposals_proposal_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.recordings (
    recording_id bigint NOT NULL,
    digest bytea NOT NULL,
    fingerprint_version smallint NOT NULL,
    constellation bytea NOT NULL,
    duration_s double precision NOT NULL,
    is_reference boolean DEFAULT false NOT NULL,
    title text,
    artist text,
    album text,
    album_art text,
    video_id text,
    webpage_url text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    offered_at timestamp with time zone
);
ALTER TABLE ONLY public.recordings ALTER COLUMN constellation SET STORAGE EXTERNAL;
ALTER TABLE public.recordings ALTER COLUMN recording_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.recordings_recording_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.rejections (
    file_recording_id bigint NOT NULL,
    recording_id bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    title text,
    artist text
);
CREATE TABLE public.schema_migrations (
    version integer NOT NULL,
    name text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY public.procrastinate_events ALTER COLUMN id SET DEFAULT nextval('public.procrastinate_events_id_seq'::regclass);
ALTER TABLE ONLY public.procrastinate_jobs ALTER COLUMN id SET DEFAULT nextval('public.procrastinate_jobs_id_seq'::regclass);
ALTER TABLE ONLY public.procrastinate_periodic_defers ALTER COLUMN id SET DEFAULT nextval('public.procrastinate_periodic_defers_id_seq'::regclass);
INSERT INTO public.audit_findings VALUES (1, 'broken', 'failed', 'It can''t be read');
INSERT INTO public.audit_members VALUES (1, 0, 3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.audit_runs OVERRIDING SYSTEM VALUE VALUES (1, 'done', false, NULL, 2, 3, '2026-11-23 01:37:24.191178+00', '2026-11-23 01:37:24.191178+00');
INSERT INTO public.changes OVERRIDING SYSTEM VALUE VALUES (1, 2, '\x2f676f6c64656e2f6d75736963', '\x747261636b2030312e6f6767', 'accepted', NULL, 'done', NULL, '\x97136b252881a1c0139faecffae2f6d5ead6934d8aa880fa6d7d9b0808be747c', '\x70d9ab002b209043ba1970a70402f740e48e7d5c0a2081abda1d0beaede9c40d', '\x13bc9535ec6a573778ab43a2eea549a3', '\x5350545201887901000000000097136b252881a1c0139faecffae2f6d5ead6934d8aa880fa6d7d9b0808be747c137e01000000000070d9ab002b209043ba1970a70402f740e48e7d5c0a2081abda1d0beaede9c40d30000000000000003c00000000000000789c63608000570614d060036574b34068f64a46302dc9f97e1ea3997f41697148627a312f50c427b12ccdcc48cf10880c8c408a448138352f393f25b5c816451200835610f4feb2da8c', '{}', '{"title": "Naima", "artist": "John Coltrane"}', '{}', NULL, '2026-11-22 22:44:58.845663+00', '2026-11-22 22:44:58.862311+00');
INSERT INTO public.files OVERRIDING SYSTEM VALUE VALUES (1, 1, '\x6e616d65642e6f6767', 96659, 1700000000000000000, 1, 1, 'indexed', 1, NULL, NULL, 1, '\x3256d4b9d255707cb32760473468aac727f0706b01e270f3d31a7e63c2170e1f', '{"album": null, "title": "So What", "artist": "Miles Davis", "trusted": true, "is_trusted": true}', 'incomplete', false, '2026-11-22 22:44:58.683014+00');
INSERT INTO public.files OVERRIDING SYSTEM VALUE VALUES (2, 1, '\x747261636b2030312e6f6767', 97811, 1700000000000000000, 1, 1, 'indexed', 1, NULL, NULL, 2, '\x70d9ab002b209043ba1970a70402f740e48e7d5c0a2081abda1d0beaede9c40d', '{"album": null, "title": "Naima", "artist": "John Coltrane", "trusted": true, "is_trusted": true}', 'incomplete', false, '2026-11-22 22:44:58.857243+00');
INSERT INTO public.files OVERRIDING SYSTEM VALUE VALUES (3, 1, '\x62726f6b656e2e6f6767', 5, 5, 2, 1, 'failed', 3, 'broken.ogg: can''t be read (Input/output error)', NULL, NULL, NULL, NULL, NULL, false, NULL);
INSERT INTO public.libraries OVERRIDING SYSTEM VALUE VALUES (1, '\x2f676f6c64656e2f6d75736963', false, '2026-11-22 22:44:58.446792+00');
INSERT INTO public.lookups VALUES ('00000000-0000-4000-8000-000000000002', 1, '\x6e616d65642e6f6767', 'navidrome', NULL, true, '2026-11-23 01:37:24.191178+00', NULL);
INSERT INTO public.match_tasks VALUES ('00000000-0000-4000-8000-000000000001', 'success', '[]', NULL, '2026-11-23 01:37:24.191178+00', '2026-11-23 01:37:24.191178+00');
INSERT INTO public.recordings OVERRIDING SYSTEM VALUE VALUES (1, '\x7c23c57b0bd29ec2a6ade49fc40f870ce68e034894e2a5d3d79ea7bde122ff04', 1, '\x53504331db0000001c02000010201756789c63606060606600014620840136309b192a80100702568810238cc98a2cc9884d00c16181731959a172cce88a3035b2c109a80c0b94c504c42c0c688009aa1a49821189c5822eca08760bdc0a74f390f432314304707b10680223339a1c986085ab63810534d82246b87616a852467800a2b91a1c21cc585c88e10a281f1262cc08f7b030622a62408b2fa83844aaefaa4cf2f42d27d854d9f2d2eceb56eefb6b13f46bb1cfc395d3740f47ded1160decdb77a73d246be5deab7fedab578a587cdbfc7ce6e6a645c5c9ee408d850f830e1bcb1825eb143cd168bbfd433fa0e0e1e125adc61bf9bc324aa6df7bc9c367b3c2beae6fdfc3bf32ab0e5b2c39d66ab3cf3b7ea56e50c5ad5f3e0fafae0cee93b1a83b76ea95ce1a7179fdc69e57428a7e49b93b2fdce612b3c9a89fe41d326de5a3bf40c5bf1687aefc1bb42cb46ee5deea651615df36fffd25a96893219822efe03ded91ae45d82a01e92547984232eb26af3a2de3d5b2b71ae8c878995bd24a8f047d738f3e4daa9c0bd42a1374eb57c5629ff8bf1a66a993f226bc503529c9ba6a5f2d6271ac4f66a57d08c8e34120e32a2c8adff25a374dbafddd3b79eab24dc64e217d2baffe9509b438165cb7b2f061e0afc5162b8535aa19b266714abaafd572e98e9fb65746b77ad5e15b1691c73e3c5cd27a58a574d545fffaade7eeb2fb88fc49e79006bb272468dacabfbacb0e477ed8feab706f1b48c82d797d60cc5ef7c2beab0f6582920f1b4c28770c52c89a18b2f2afec21c5dd82d199f1597d7b814e5c79cb42e65896bd8885f74add4740d92075a3c4aa9e19870eddffaf9734e7dcc30faca2b67305a544950bea7915bcc376687b64576dbdbab20ee8debf418b7d80d63dac0686feb7d6cd8aa636ee9d33b75d79ea9a74f21e874898f7b487bac0f8ea59fcfe9f53c40c96d8bceee997a475abe65cad0bda5bbd12e844978cce992b773e9df7eef1926b1c1a020e29ada6a145fd2553156c139b5ede39987b6bd1bee3222c063c323ebaaa91755671934f6cbd786ed3fa4a06098f400993d0dcba2b4f8eacdc7a73dda14ba7faefbf56714c2a9e71666ee7d4896f773e5cb47ff3721e1d0e0f86145943d138adb2e0460b1605015fdbccd6c86a1706d96401cb22b3b685b7a66f5e71e0cd84a533f73ddbb6ebd8ba57e74e3fbe3ffffa650e161d1e1b97c8c0cad83c050d8fd05a03150711c95ebfa6acee94d29a949c038527d79f67503071bdf2a26261e9c5a9597d49939a9e756d9ebf9b45d2c8295ec036f2c68a37c71eb56d9b757fff721e0e114b4d5fd920af701d9539374e4ebd366bd1fee5fd0c3c9a9679756d0aa1811c323a0e3e2e952c22269e995b9e4cb8bbf2e5c38d07d775bddb75eef86509011b9508c3c2a4a6f2b8549b1847df2c198d17134eb4dedcbaae69d6b1e9f32f33b008702a9a7aea46160555e549b8a51baed8b1a4b66bd1a3737defafef797270d33d1e55abb072914481800cdd89ae457d73d76e0f59c5ebe7547ef4ddabcdb72b5814244c3c62136b5b1f3c3d753f77dab5432236117b2e9e5bb47cf76c0e0619150dc354cbce26c338065937111587d0081e0d13cf330b7226ec69e9b85bd8786c56d6a3b2b4e4d5f5d36fbcd87872e7d243f39e6dabbadc7ffdfd7a015dab600e1605493bff4019161d4e5b352ba7e8e49e8ed68537ef9656ee7cb46adaa1f9efb74b680884fac6a5ef5992b3e662e3d357b3ce4d2ada74bdfef8690633771e455123af6c0026d40829', 9, true, 'So What', 'Miles Davis', NULL, NULL, NULL, NULL, '2026-11-22 22:44:58.620125+00', '2026-11-22 22:44:58.640005+00');
INSERT INTO public.recordings OVERRIDING SYSTEM VALUE VALUES (2, '\x67e120fe64a3e5d6ac9213e66ba3810ff5f3883ed5925779ddf59c0a446fa9b8', 1, '\x53504331db0000001c020000196437ca789c65506b50135714de90a56e9bfc489d4502b356147048eb5610d2d94cb1118a20255a59a234504879058903ba7660525677ac1814abc1425d5bf0510c8f592a824d45460db4c918aa1419b4eb2395c98488a55243faa3388d934e934a30c0f971cfbddf77be73bf73006036c079692e382fce60dfc90d007df82bc0220d871334277a91385c20e0f57f066735b36de6fde9c3b8fed259c2d712087e5903fa791f38775fe83c3082407f8b9755737e82035d7a27e0cee3392fe7e670fc3e02c0f9c5a0ffca9d4f7202ec2f9a37800b5e541534b7ab857f2e8820bfdcefd0df90bb601ace22e91cc2010349c688936e4c3f6320583b63a6b256677bc4a58c758a53d033c21396d618498c9ac93230b85b2f1341eb4a8e416b0f35f3d4639487d410b41d352b5ab51463f4e06e4c33233390fab894439c50fc71c8002f446947acf1c630b2b67c0596524cd0e1a8395ee1c21856cac02bfe5dab1a0acb26ecb839fe8dbdcab2c6f03dd11bb72a3572c6d36e32da49ac75466b5075b8433f82f1341d8b1449e54a8ae9f724e2ed5644cd4a4906c6660c6a23ac64ed881467cc5638f21d77718313cadda53bd57bf3ee2308168937e4eedc7fb275608cd4219d98052318fbdb2ed60945fcb34af5b90e413bcd98c2e2d2792924d3a5d8cde0a28a2f2d08b7c2f6f7caa33beda849d1ead21278fc87b79f45a555fef09cc0187bb8d18ce5cca0a481fe45707ce2b590371b2e94566a5b32e4e31edf8a1863bb5ce94148ebd283c9dfd35dbf4e3de349be20ecf1e60c9a41718dd9add0bb64c5bcd0e2ba3bdd96e7a191eb182a8b4df32e12418b7ccb499333ac07c18bbcadae2f7918f9ee0843a32e1a35e74829efece16f6ddff1e792a5aa3d871d4e5e78f4daf22ea30d5a1629a6744d1d3fb2de5619f438aac9a0ed1a46cda25233ac707975fc1de70aa8a3bd83e3cf83a37ceb858779253dd3c9599507afffb52c364b7942af248c76843459e3f17e691aa5f33a482c22dd1a0891ac4fcf5757d508c08430625df6b5c94763d743469f5eb86b359d6d7418f8a22dc915592480aecc29adebad3d77a57ea8f9e4705b67544a01952204252115efe546f091ade8b6fc33d535fa2475dfb561dba478d4f278da21db44b4e9f6de3f71f18279e8de654050192d6a28ac85628bebbee93c7edb31d2376503614966e1fdc33f31acd352afef3e793921e5636d195fb63cb96a7b0df9f3c4e9fef66603204c4c2f810431b16ba222ca15c43e028c128bd255a9f924801442b0401287666e2efbb66772ff98b6ee66036d35755ee93fd33de8b8d73152df7cf9ceefd395c2244505c58f48949feabb34dcd974a4d130cd5f1e2759bf25a7500d8a52f1b0f35f1dbb81d60e747cba7da5bd65ec0f2b352810bf9abf5af53e10f2816674a2a2eac05d130026c4940b3253f7e448a26b84adc6ae96334d4efac97723b6df6044b629a9acfad01a790194185bb2afeed1d11b6c83e576efb8d970951f5195074200babc322fee00deb4ebfce8d309a6cd64b5386c575f5f95fd091625dc744cdcb29e561d89d900efdea1dd785a51dd387991ededbf35c4df4cf125e9155eebbb3febb9b6ffebbda35d9798076dc326e7e39b47e85a9ded9efeac63b0f1ea94004dcd0585b19905109c90970420d1a2cd6a559500dacab0f49dfabe4ba626e7d9c1888444e2f0c307fb26ec4fda0fdcaaad6a1c1ae8d61b84402c9c94b7b12c271ae38331c81a597a49c1b6f2eaff00f62a075a', 9, false, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-22 22:44:58.701559+00', NULL);
INSERT INTO public.rejections VALUES (2, 1, '2026-11-22 22:44:58.946802+00', 'So What', 'Miles Davis');
INSERT INTO public.schema_migrations VALUES (1, '0001_initial.sql', '2026-11-23 01:37:26.903719+00');
INSERT INTO public.schema_migrations VALUES (2, '0002_tagging.sql', '2026-11-23 01:37:26.971076+00');
INSERT INTO public.schema_migrations VALUES (3, '0003_lookups.sql', '2026-11-23 01:37:27.002819+00');
INSERT INTO public.schema_migrations VALUES (4, '0004_audit.sql', '2026-11-23 01:37:27.014767+00');
INSERT INTO public.schema_migrations VALUES (5, '0005_rejections.sql', '2026-11-23 01:37:27.046845+00');
SELECT pg_catalog.setval('public.audit_runs_run_id_seq', 1, true);
SELECT pg_catalog.setval('public.changes_change_id_seq', 1, true);
SELECT pg_catalog.setval('public.files_file_id_seq', 3, true);
SELECT pg_catalog.setval('public.libraries_library_id_seq', 1, true);
SELECT pg_catalog.setval('public.procrastinate_events_id_seq', 1, false);
SELECT pg_catalog.setval('public.procrastinate_jobs_id_seq', 1, false);
SELECT pg_catalog.setval('public.procrastinate_periodic_defers_id_seq', 1, false);
SELECT pg_catalog.setval('public.procrastinate_workers_id_seq', 1, false);
SELECT pg_catalog.setval('public.proposals_proposal_id_seq', 1, false);
SELECT pg_catalog.setval('public.recordings_recording_id_seq', 2, true);
ALTER TABLE ONLY public.audit_findings
    ADD CONSTRAINT audit_findings_pkey PRIMARY KEY (finding_id);
ALTER TABLE ONLY public.audit_members
    ADD CONSTRAINT audit_members_pkey PRIMARY KEY (finding_id, place);
ALTER TABLE ONLY public.audit_runs
    ADD CONSTRAINT audit_runs_pkey PRIMARY KEY (run_id);
ALTER TABLE ONLY public.audited_files
    ADD CONSTRAINT audited_files_pkey PRIMARY KEY (file_id);
ALTER TABLE ONLY public.audited_recordings
    ADD CONSTRAINT audited_recordings_pkey PRIMARY KEY (recording_id);
ALTER TABLE ONLY public.changes
    ADD CONSTRAINT changes_pkey PRIMARY KEY (change_id);
ALTER TABLE ONLY public.files
    ADD CONSTRAINT files_library_id_path_key UNIQUE (library_id, path);
ALTER TABLE ONLY public.files
    ADD CONSTRAINT files_pkey PRIMARY KEY (file_id);
ALTER TABLE ONLY public.kinships
    ADD CONSTRAINT kinships_pkey PRIMARY KEY (one_id, other_id);
ALTER TABLE ONLY public.libraries
    ADD CONSTRAINT libraries_pkey PRIMARY KEY (library_id);
ALTER TABLE ONLY public.libraries
    ADD CONSTRAINT libraries_root_key UNIQUE (root);
ALTER TABLE ONLY public.lookups
    ADD CONSTRAINT lookups_pkey PRIMARY KEY (task_id);
ALTER TABLE ONLY public.match_tasks
    ADD CONSTRAINT match_tasks_pkey PRIMARY KEY (task_id);
ALTER TABLE ONLY public.procrastinate_events
    ADD CONSTRAINT procrastinate_events_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.procrastinate_jobs
    ADD CONSTRAINT procrastinate_jobs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.procrastinate_periodic_defers
    ADD CONSTRAINT procrastinate_periodic_defers_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.procrastinate_periodic_defers
    ADD CONSTRAINT procrastinate_periodic_defers_unique UNIQUE (task_name, periodic_id, defer_timestamp);
ALTER TABLE ONLY public.procrastinate_workers
    ADD CONSTRAINT procrastinate_workers_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.proposals
    ADD CONSTRAINT proposals_file_id_key UNIQUE (file_id);
ALTER TABLE ONLY public.proposals
    ADD CONSTRAINT proposals_pkey PRIMARY KEY (proposal_id);
ALTER TABLE ONLY public.recordings
    ADD CONSTRAINT recordings_digest_key UNIQUE (digest);
ALTER TABLE ONLY public.recordings
    ADD CONSTRAINT recordings_pkey PRIMARY KEY (recording_id);
ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);
CREATE UNIQUE INDEX audit_runs_one_running ON public.audit_runs USING btree ((true)) WHERE (status = 'running'::text);
CREATE INDEX changes_file ON public.changes USING btree (file_id);
CREATE UNIQUE INDEX changes_one_open ON public.changes USING btree (file_id) WHERE (status = ANY (ARRAY['prepared'::public.change_status, 'undoing'::public.change_status]));
CREATE INDEX changes_open ON public.changes USING btree (change_id) WHERE (status = ANY (ARRAY['prepared'::public.change_status, 'undoing'::public.change_status]));
CREATE INDEX changes_recording ON public.changes USING btree (recording_id);
CREATE INDEX changes_unconfirmed ON public.changes USING btree (after_sha256) WHERE (confirmed_at IS NULL);
CREATE INDEX files_content ON public.files USING btree (content_hash);
CREATE INDEX files_pending ON public.files USING btree (file_id) WHERE ((status = 'pending'::public.file_status) AND (missing_since IS NULL));
CREATE INDEX files_recording ON public.files USING btree (recording_id);
CREATE INDEX files_to_identify ON public.files USING btree (file_id) WHERE ((naming = ANY (ARRAY['unknown'::text, 'incomplete'::text])) AND (identified_at IS NULL) AND (missing_since IS NULL));
CREATE INDEX files_unknown ON public.files USING btree (file_id) WHERE ((naming = 'unknown'::text) AND (missing_since IS NULL));
CREATE INDEX idx_procrastinate_jobs_worker_not_null ON public.procrastinate_jobs USING btree (worker_id) WHERE ((worker_id IS NOT NULL) AND (status = 'doing'::public.procrastinate_job_status));
CREATE INDEX idx_procrastinate_workers_last_heartbeat ON public.procrastinate_workers USING btree (last_heartbeat);
CREATE INDEX kinships_other ON public.kinships USING btree (other_id);
CREATE INDEX lookups_file ON public.lookups USING btree (file_id);
CREATE INDEX lookups_finished ON public.lookups USING btree (finished_at);
CREATE INDEX lookups_waiting ON public.lookups USING btree (task_id) WHERE (finished_at IS NULL);
CREATE INDEX match_tasks_finished ON public.match_tasks USING btree (finished_at);
CREATE INDEX procrastinate_events_job_id_fkey_v1 ON public.procrastinate_events USING btree (job_id);
CREATE INDEX procrastinate_jobs_id_lock_idx_v1 ON public.procrastinate_jobs USING btree (id, lock) WHERE (status = ANY (ARRAY['todo'::public.procrastinate_job_status, 'doing'::public.procrastinate_job_status]));
CREATE UNIQUE INDEX procrastinate_jobs_lock_idx_v1 ON public.procrastinate_jobs USING btree (lock) WHERE (status = 'doing'::public.procrastinate_job_status);
CREATE INDEX procrastinate_jobs_priority_idx_v1 ON public.procrastinate_jobs USING btree (priority DESC, id) WHERE (status = 'todo'::public.procrastinate_job_status);
CREATE INDEX procrastinate_jobs_queue_name_idx_v1 ON public.procrastinate_jobs USING btree (queue_name);
CREATE UNIQUE INDEX procrastinate_jobs_queueing_lock_idx_v1 ON public.procrastinate_jobs USING btree (queueing_lock) WHERE (status = 'todo'::public.procrastinate_job_status);
CREATE INDEX procrastinate_periodic_defers_job_id_fkey_v1 ON public.procrastinate_periodic_defers USING btree (job_id);
CREATE INDEX proposals_to_apply ON public.proposals USING btree (apply_at) WHERE (apply_at IS NOT NULL);
CREATE INDEX recordings_to_offer ON public.recordings USING btree (recording_id) WHERE (is_reference AND (offered_at IS NULL));
CREATE INDEX rejections_by ON public.rejections USING btree (recording_id);
CREATE INDEX rejections_of ON public.rejections USING btree (file_recording_id, recording_id);
CREATE TRIGGER procrastinate_jobs_notify_queue_job_aborted_v1 AFTER UPDATE OF abort_requested ON public.procrastinate_jobs FOR EACH ROW WHEN (((old.abort_requested = false) AND (new.abort_requested = true) AND (new.status = 'doing'::public.procrastinate_job_status))) EXECUTE FUNCTION public.procrastinate_notify_queue_abort_job_v1();
CREATE TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1 AFTER INSERT ON public.procrastinate_jobs FOR EACH ROW WHEN ((new.status = 'todo'::public.procrastinate_job_status)) EXECUTE FUNCTION public.procrastinate_notify_queue_job_inserted_v1();
CREATE TRIGGER procrastinate_trigger_abort_requested_events_v1 AFTER UPDATE OF abort_requested ON public.procrastinate_jobs FOR EACH ROW WHEN ((new.abort_requested = true)) EXECUTE FUNCTION public.procrastinate_trigger_abort_requested_events_procedure_v1();
CREATE TRIGGER procrastinate_trigger_delete_jobs_v1 BEFORE DELETE ON public.procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION public.procrastinate_unlink_periodic_defers_v1();
CREATE TRIGGER procrastinate_trigger_scheduled_events_v1 AFTER INSERT OR UPDATE ON public.procrastinate_jobs FOR EACH ROW WHEN (((new.scheduled_at IS NOT NULL) AND (new.status = 'todo'::public.procrastinate_job_status))) EXECUTE FUNCTION public.procrastinate_trigger_function_scheduled_events_v1();
CREATE TRIGGER procrastinate_trigger_status_events_insert_v1 AFTER INSERT ON public.procrastinate_jobs FOR EACH ROW WHEN ((new.status = 'todo'::public.procrastinate_job_status)) EXECUTE FUNCTION public.procrastinate_trigger_function_status_events_insert_v1();
CREATE TRIGGER procrastinate_trigger_status_events_update_v1 AFTER UPDATE OF status ON public.procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION public.procrastinate_trigger_function_status_events_update_v1();
ALTER TABLE ONLY public.audit_members
    ADD CONSTRAINT audit_members_finding_id_fkey FOREIGN KEY (finding_id) REFERENCES public.audit_findings(finding_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.audited_files
    ADD CONSTRAINT audited_files_file_id_fkey FOREIGN KEY (file_id) REFERENCES public.files(file_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.audited_recordings
    ADD CONSTRAINT audited_recordings_recording_id_fkey FOREIGN KEY (recording_id) REFERENCES public.recordings(recording_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.changes
    ADD CONSTRAINT changes_file_id_fkey FOREIGN KEY (file_id) REFERENCES public.files(file_id) ON DELETE SET NULL;
ALTER TABLE ONLY public.changes
    ADD CONSTRAINT changes_recording_id_fkey FOREIGN KEY (recording_id) REFERENCES public.recordings(recording_id) ON DELETE SET NULL;
ALTER TABLE ONLY public.files
    ADD CONSTRAINT files_library_id_fkey FOREIGN KEY (library_id) REFERENCES public.libraries(library_id);
ALTER TABLE ONLY public.files
    ADD CONSTRAINT files_recording_id_fkey FOREIGN KEY (recording_id) REFERENCES public.recordings(recording_id);
ALTER TABLE ONLY public.kinships
    ADD CONSTRAINT kinships_one_id_fkey FOREIGN KEY (one_id) REFERENCES public.recordings(recording_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.kinships
    ADD CONSTRAINT kinships_other_id_fkey FOREIGN KEY (other_id) REFERENCES public.recordings(recording_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.lookups
    ADD CONSTRAINT lookups_file_id_fkey FOREIGN KEY (file_id) REFERENCES public.files(file_id) ON DELETE SET NULL;
ALTER TABLE ONLY public.procrastinate_events
    ADD CONSTRAINT procrastinate_events_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.procrastinate_jobs(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.procrastinate_jobs
    ADD CONSTRAINT procrastinate_jobs_worker_id_fkey FOREIGN KEY (worker_id) REFERENCES public.procrastinate_workers(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.procrastinate_periodic_defers
    ADD CONSTRAINT procrastinate_periodic_defers_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.procrastinate_jobs(id);
ALTER TABLE ONLY public.proposals
    ADD CONSTRAINT proposals_file_id_fkey FOREIGN KEY (file_id) REFERENCES public.files(file_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.rejections
    ADD CONSTRAINT rejections_file_recording_id_fkey FOREIGN KEY (file_recording_id) REFERENCES public.recordings(recording_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.rejections
    ADD CONSTRAINT rejections_recording_id_fkey FOREIGN KEY (recording_id) REFERENCES public.recordings(recording_id) ON DELETE SET NULL;
