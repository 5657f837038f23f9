-- name: add_library
INSERT INTO libraries (root, watched) VALUES (%(root)s, %(watched)s)
ON CONFLICT (root) DO UPDATE SET watched = excluded.watched OR libraries.watched
RETURNING library_id

-- name: libraries
SELECT library_id, root, watched, scanned_at FROM libraries ORDER BY library_id

-- name: mark_scanned
UPDATE libraries SET scanned_at = now() WHERE library_id = %(library_id)s

-- name: known_files
SELECT file_id, path, size_bytes, mtime_ns, inode, device, missing_since IS NOT NULL
FROM files WHERE library_id = %(library_id)s

-- name: known_files_below
SELECT file_id, path, size_bytes, mtime_ns, inode, device, missing_since IS NOT NULL
FROM files
WHERE library_id = %(library_id)s
  AND (path = ANY(%(paths)s)
       OR EXISTS (SELECT 1 FROM unnest(%(folders)s::bytea[]) AS folder
                  WHERE substring(path FOR length(folder)) = folder))

-- name: add_file
INSERT INTO files (library_id, path, size_bytes, mtime_ns, inode, device, arrived_later)
SELECT library_id, %(path)s, %(size_bytes)s, %(mtime_ns)s, %(inode)s, %(device)s, scanned_at IS NOT NULL
FROM libraries WHERE library_id = %(library_id)s
ON CONFLICT (library_id, path) DO UPDATE
SET size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns, inode = excluded.inode,
    device = excluded.device, status = 'pending', attempts = 0, error = NULL, missing_since = NULL

-- name: file_changed
UPDATE files
SET size_bytes = %(size_bytes)s, mtime_ns = %(mtime_ns)s, inode = %(inode)s, device = %(device)s,
    status = 'pending', attempts = 0, error = NULL, missing_since = NULL
WHERE file_id = %(file_id)s

-- name: files_to_settle
-- What we write, or wrote when we were killed, is no change: the journal settles it first.
SELECT file_id FROM changes WHERE status IN ('prepared', 'undoing') AND file_id = ANY(%(file_ids)s)

-- name: file_moved
UPDATE files SET path = %(path)s, missing_since = NULL WHERE file_id = %(file_id)s

-- name: forget_missing_at
DELETE FROM files
WHERE library_id = %(library_id)s AND path = %(path)s AND file_id <> %(file_id)s AND missing_since IS NOT NULL

-- name: file_renumbered
UPDATE files SET inode = %(inode)s, device = %(device)s WHERE file_id = %(file_id)s

-- name: file_returned
UPDATE files SET missing_since = NULL WHERE file_id = %(file_id)s

-- name: file_missing
UPDATE files SET missing_since = coalesce(missing_since, now()) WHERE file_id = %(file_id)s

-- name: pending_without_job
SELECT file_id FROM files
WHERE status = 'pending' AND missing_since IS NULL AND file_id > %(after)s
  AND NOT EXISTS (
      SELECT 1 FROM procrastinate_jobs
      WHERE queueing_lock = 'ingest:' || file_id AND status IN ('todo', 'doing'))
ORDER BY file_id
LIMIT %(limit)s

-- name: pending_file
SELECT root, path, size_bytes, mtime_ns, attempts FROM files JOIN libraries USING (library_id)
WHERE file_id = %(file_id)s AND status = 'pending' AND missing_since IS NULL

-- name: file_indexed
UPDATE files AS new
SET status = 'indexed', error = NULL, recording_id = %(recording_id)s,
    content_hash = %(content_hash)s, tags = %(tags)s, naming = %(naming)s,
    identified_at = NULL
FROM files AS old
WHERE new.file_id = %(file_id)s AND old.file_id = new.file_id
  AND new.size_bytes = %(size_bytes)s AND new.mtime_ns = %(mtime_ns)s
RETURNING old.recording_id

-- name: attempt_failed
UPDATE files SET attempts = least(attempts + 1, 1000)
WHERE file_id = %(file_id)s AND size_bytes = %(size_bytes)s AND mtime_ns = %(mtime_ns)s

-- name: file_failed
UPDATE files
SET status = 'failed', error = %(error)s, attempts = least(attempts + 1, 1000),
    retry_at = now() + %(pause)s::interval
WHERE file_id = %(file_id)s AND size_bytes = %(size_bytes)s AND mtime_ns = %(mtime_ns)s

-- name: retry_at_once
UPDATE files SET retry_at = now()
FROM libraries
WHERE libraries.library_id = files.library_id AND status = 'failed' AND retry_at IS NOT NULL
  AND EXISTS (
      SELECT FROM unnest(%(places)s::bytea[]) AS place,
                  LATERAL (SELECT rtrim(root, '/') || '/' || path AS here, rtrim(place, '/') AS there)
      WHERE here = there OR substring(here FOR length(there) + 1) = there || '/')

-- name: retry_due_files
-- No pause is longer than a day: one that is was noted by a clock that was ahead.
UPDATE files SET status = 'pending', error = NULL
WHERE status = 'failed' AND missing_since IS NULL
  AND (retry_at <= now() OR retry_at > now() + interval '2 days')

-- name: file_counts
SELECT library_id,
       count(*) FILTER (WHERE missing_since IS NULL),
       count(*) FILTER (WHERE status = 'pending' AND missing_since IS NULL),
       count(*) FILTER (WHERE status = 'indexed' AND missing_since IS NULL),
       count(*) FILTER (WHERE status = 'failed' AND missing_since IS NULL),
       count(*) FILTER (WHERE missing_since IS NOT NULL)
FROM files GROUP BY library_id

-- name: failed_files
SELECT file_id, root, path, error, retry_at FROM files JOIN libraries USING (library_id)
WHERE status = 'failed' AND missing_since IS NULL
ORDER BY file_id DESC LIMIT %(limit)s
