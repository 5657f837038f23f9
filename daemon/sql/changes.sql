-- name: file_to_tag
SELECT file_id, libraries.root, path, size_bytes, mtime_ns, status::text, missing_since IS NOT NULL AS is_missing,
       content_hash, recording_id
FROM files JOIN libraries USING (library_id)
WHERE file_id = %(file_id)s

-- name: file_at
SELECT file_id FROM files JOIN libraries USING (library_id) WHERE root = %(root)s AND path = %(path)s

-- name: lock_file
-- A rejection locks it too: what is rejected by now is seen by the next statement.
SELECT file_id FROM files WHERE file_id = %(file_id)s FOR SHARE

-- name: is_rejected
SELECT EXISTS (
    SELECT FROM rejections JOIN files ON files.recording_id = file_recording_id
    WHERE file_id = %(file_id)s AND rejections.recording_id = %(recording_id)s)

-- name: begin_change
INSERT INTO changes (file_id, root, path, cause, recording_id, before_sha256, after_sha256, audio_md5, delta,
                     before_tags, after_tags, evidence)
VALUES (%(file_id)s, %(root)s, %(path)s, %(cause)s, %(recording_id)s, %(before_sha256)s, %(after_sha256)s,
        %(audio_md5)s, %(delta)s, %(before_tags)s, %(after_tags)s, %(evidence)s)
ON CONFLICT DO NOTHING
RETURNING change_id

-- name: change_done
UPDATE changes
SET status = 'done', error = NULL, ended_at = now(),
    confirmed_at = CASE WHEN evidence ->> 'decided_by' = 'a person' THEN now() END
WHERE change_id = %(change_id)s AND status = 'prepared'
RETURNING file_id, (evidence ->> 'undoes')::bigint

-- name: change_abandoned
UPDATE changes SET status = 'abandoned', error = %(error)s, ended_at = now()
WHERE change_id = %(change_id)s AND status = 'prepared'

-- name: begin_undo
UPDATE changes SET status = 'undoing', ended_at = now()
WHERE change_id = %(change_id)s AND status = 'done'
RETURNING change_id

-- name: change_undone
UPDATE changes SET status = 'undone', error = NULL, confirmed_at = NULL, ended_at = now()
WHERE change_id = %(change_id)s AND status = %(status)s
RETURNING file_id, (evidence ->> 'undoes')::bigint

-- name: change_redone
-- What undid it is undone: its tags are in the file again.
UPDATE changes SET status = 'done', ended_at = now()
WHERE change_id = %(change_id)s AND status = 'undone'

-- name: undo_failed
UPDATE changes SET status = 'done', error = %(error)s, ended_at = now()
WHERE change_id = %(change_id)s AND status = 'undoing'

-- name: file_rewritten
UPDATE files
SET size_bytes = %(size_bytes)s, mtime_ns = %(mtime_ns)s, inode = %(inode)s, device = %(device)s,
    content_hash = %(content_hash)s, tags = %(tags)s, naming = %(naming)s
WHERE file_id = %(file_id)s
RETURNING recording_id

-- name: is_reference
SELECT is_reference FROM recordings WHERE recording_id = %(recording_id)s

-- name: reject_undone
-- Where the source was corrected meanwhile, only the name it had then was wrong: the file is looked at anew.
WITH undone AS (
    SELECT file_id, files.recording_id AS file_recording_id, changes.recording_id, after_tags,
           EXISTS (
               SELECT FROM unnest(ARRAY['title', 'artist']) AS field
               JOIN files AS source ON source.file_id = (evidence #>> ARRAY['sources', field, 'file'])::bigint
               WHERE source.recording_id = (evidence #>> ARRAY['sources', field, 'recording'])::bigint
                 AND before_tags ->> field IS DISTINCT FROM after_tags ->> field
                 AND source.tags ->> field IS DISTINCT FROM after_tags ->> field) AS is_corrected
    FROM changes JOIN files USING (file_id)
    WHERE change_id = %(change_id)s AND files.recording_id IS NOT NULL AND changes.recording_id IS NOT NULL
), again AS (
    UPDATE files SET identified_at = NULL FROM undone WHERE is_corrected AND files.file_id = undone.file_id
)
INSERT INTO rejections (file_recording_id, recording_id, title, artist)
SELECT file_recording_id, CASE WHEN NOT is_corrected THEN recording_id END,
       after_tags ->> 'title', after_tags ->> 'artist'
FROM undone

-- name: confirm_change
UPDATE changes SET confirmed_at = coalesce(confirmed_at, now())
WHERE change_id = %(change_id)s AND status = 'done'
RETURNING (SELECT files.recording_id FROM files WHERE files.file_id = changes.file_id)

-- name: change_delta
SELECT delta FROM changes WHERE change_id = %(change_id)s

-- name: changes
SELECT change_id, changes.file_id, changes.root, changes.path, libraries.root AS root_now, files.path AS path_now,
       coalesce(files.missing_since IS NOT NULL, true) AS is_missing, cause, changes.recording_id,
       changes.status::text AS status, changes.error, before_sha256, after_sha256, audio_md5, before_tags,
       after_tags, evidence, confirmed_at, created_at, ended_at
FROM changes LEFT JOIN files USING (file_id) LEFT JOIN libraries USING (library_id)
WHERE (%(change_id)s::bigint IS NULL OR change_id = %(change_id)s)
  AND (%(root)s::bytea IS NULL OR changes.file_id = %(file_id)s
       OR changes.file_id IS NULL AND changes.root = %(root)s AND changes.path = %(path)s)
  AND (%(since)s::timestamptz IS NULL OR created_at >= %(since)s)
  AND (%(before_id)s::bigint IS NULL OR change_id < %(before_id)s)
ORDER BY change_id DESC LIMIT %(limit)s

-- name: open_changes
SELECT change_id FROM changes WHERE status IN ('prepared', 'undoing') ORDER BY change_id

-- name: derived_changes
SELECT change_id FROM changes
WHERE recording_id = %(recording_id)s AND status IN ('done', 'undoing') AND cause <> 'restored'
ORDER BY change_id DESC LIMIT %(limit)s

-- name: later_change
-- A restored one undid an earlier change, and stands in the way of that kind only.
SELECT max(later.change_id) FROM changes AS later JOIN changes AS earlier USING (file_id)
WHERE earlier.change_id = %(change_id)s AND later.change_id > %(change_id)s AND later.status = 'done'
  AND (later.cause <> 'restored' OR earlier.cause = 'restored')

-- name: may_turn_up
-- A change's file is not known to be gone, or what was found elsewhere is not read yet.
SELECT EXISTS (
    SELECT FROM changes JOIN files USING (file_id)
    WHERE change_id = %(change_id)s AND missing_since IS NULL)
    OR EXISTS (SELECT FROM files WHERE status = 'pending' AND missing_since IS NULL)

-- name: moved_here
-- A file without a history that has this content; of several, the first.
SELECT file_id FROM files
WHERE content_hash = %(content_hash)s AND status = 'indexed' AND missing_since IS NULL
  AND NOT EXISTS (SELECT FROM changes WHERE changes.file_id = files.file_id)
ORDER BY file_id
LIMIT 1

-- name: move_history
UPDATE changes SET file_id = %(file_id)s
FROM changes AS this
WHERE this.change_id = %(change_id)s AND (changes.change_id = this.change_id OR changes.file_id = this.file_id)
