-- name: file_at_place
SELECT file_id, size_bytes, mtime_ns,
       status = 'indexed' AND EXISTS (
           SELECT FROM changes
           WHERE changes.file_id = files.file_id AND changes.status = 'done' AND cause <> 'restored'
             AND after_sha256 = content_hash) AS is_tagged_by_us
FROM files JOIN libraries USING (library_id)
WHERE missing_since IS NULL
  AND substring(%(path)s::bytea FOR length(rtrim(root, '/'::bytea)) + 1) = rtrim(root, '/'::bytea) || '/'::bytea
  AND path = substring(%(path)s::bytea FROM length(rtrim(root, '/'::bytea)) + 2)
ORDER BY length(root) DESC
LIMIT 1

-- name: add_lookup
-- The task that has the same answer, if one is waited for; else a new one, unless too many wait.
WITH same AS (
    SELECT task_id FROM lookups
    WHERE finished_at IS NULL AND file_id = %(file_id)s AND path = %(path)s AND wants_tags = %(wants_tags)s
      AND source IS NOT DISTINCT FROM %(source)s::text AND item_id IS NOT DISTINCT FROM %(item_id)s::text
    LIMIT 1),
added AS (
    INSERT INTO lookups (task_id, file_id, path, source, item_id, wants_tags)
    SELECT %(task_id)s, %(file_id)s, %(path)s, %(source)s, %(item_id)s, %(wants_tags)s
    WHERE NOT EXISTS (SELECT FROM same)
      AND (SELECT count(*) FROM lookups WHERE finished_at IS NULL) < %(most_waiting)s
    RETURNING task_id)
SELECT task_id FROM same UNION ALL SELECT task_id FROM added

-- name: lookups
SELECT task_id, lookups.file_id, lookups.path AS asked_path, source, item_id, wants_tags,
       root, files.path, files.status::text AS status, naming, files.error,
       missing_since IS NOT NULL AS is_missing, coalesce(arrived_later, false) AS arrived_later,
       identified_at IS NOT NULL AS is_identified, tags,
       outcome, reason, refusal, candidates -> 0 AS candidate, apply_at IS NOT NULL AS is_to_be_written,
       EXISTS (
           SELECT FROM changes
           WHERE changes.file_id = lookups.file_id AND changes.status IN ('prepared', 'undoing'))
           AS is_being_written,
       ours.change_id, (ours.evidence ->> 'confidence')::float AS change_confidence
FROM lookups
LEFT JOIN files ON files.file_id = lookups.file_id
LEFT JOIN libraries USING (library_id)
LEFT JOIN proposals ON proposals.file_id = lookups.file_id
LEFT JOIN LATERAL (
    SELECT change_id, evidence FROM changes
    WHERE changes.file_id = lookups.file_id AND changes.status = 'done' AND cause <> 'restored'
      AND after_sha256 = content_hash
    ORDER BY change_id DESC LIMIT 1) AS ours ON true
WHERE task_id = ANY(%(task_ids)s)

-- name: waiting_lookups
SELECT task_id FROM lookups
WHERE finished_at IS NULL AND (%(after)s::uuid IS NULL OR task_id > %(after)s)
ORDER BY task_id
LIMIT %(limit)s

-- name: finish_lookups
UPDATE lookups SET finished_at = now() WHERE task_id = ANY(%(task_ids)s) AND finished_at IS NULL

-- name: expire_lookups
DELETE FROM lookups
WHERE finished_at < now() - make_interval(secs => %(lifetime_s)s)
   OR asked_at < now() - make_interval(secs => %(lifetime_s)s) - make_interval(secs => %(longest_wait_s)s)
