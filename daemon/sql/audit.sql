-- name: interrupt_audits
UPDATE audit_runs SET status = 'interrupted', ended_at = now() WHERE status = 'running'

-- name: add_audit_run
INSERT INTO audit_runs (is_fresh) VALUES (%(is_fresh)s)
RETURNING run_id, status, is_fresh, error, recordings, files, started_at, ended_at

-- name: drop_old_audit_runs
-- The last report's, and those after it, tell all that is asked for.
DELETE FROM audit_runs WHERE run_id < (SELECT max(run_id) FROM audit_runs WHERE status = 'done')

-- name: forget_audited_recordings
DELETE FROM audited_recordings

-- name: forget_kinships
DELETE FROM kinships

-- name: forget_audited_files
DELETE FROM audited_files

-- name: end_audit_run
UPDATE audit_runs SET status = %(status)s, error = %(error)s, ended_at = now()
WHERE run_id = %(run_id)s AND status = 'running'

-- name: finish_audit_run
UPDATE audit_runs
SET status = 'done', ended_at = now(),
    recordings = (SELECT count(*) FROM audited_recordings),
    files = (SELECT count(*) FROM audited_files JOIN files USING (file_id) WHERE missing_since IS NULL)
WHERE run_id = %(run_id)s AND status = 'running'
RETURNING run_id

-- name: last_audit_runs
-- The last one, and the last one that made a report.
SELECT run_id, status, is_fresh, error, recordings, files, started_at, ended_at FROM audit_runs
WHERE run_id = (SELECT max(run_id) FROM audit_runs)
   OR run_id = (SELECT max(run_id) FROM audit_runs WHERE status = 'done')
ORDER BY run_id DESC

-- name: unaudited_counts
SELECT (SELECT count(*) FROM recordings
        WHERE NOT EXISTS (SELECT FROM audited_recordings
                          WHERE audited_recordings.recording_id = recordings.recording_id)),
       (SELECT count(*) FROM files
        WHERE missing_since IS NULL AND status <> 'pending'
          AND NOT EXISTS (SELECT FROM audited_files AS audited
                          WHERE audited.file_id = files.file_id AND audited.size_bytes = files.size_bytes
                            AND audited.mtime_ns = files.mtime_ns))

-- name: unaudited_recordings
SELECT recording_id FROM recordings
WHERE recording_id > %(after)s
  AND NOT EXISTS (SELECT FROM audited_recordings
                  WHERE audited_recordings.recording_id = recordings.recording_id)
ORDER BY recording_id
LIMIT %(limit)s

-- name: unaudited_files
SELECT file_id, root, path, size_bytes, mtime_ns FROM files JOIN libraries USING (library_id)
WHERE file_id > %(after)s AND missing_since IS NULL AND status <> 'pending'
  AND NOT EXISTS (SELECT FROM audited_files AS audited
                  WHERE audited.file_id = files.file_id AND audited.size_bytes = files.size_bytes
                    AND audited.mtime_ns = files.mtime_ns)
ORDER BY file_id
LIMIT %(limit)s

-- name: kin_of
SELECT CASE one_id WHEN %(recording_id)s THEN other_id ELSE one_id END FROM kinships
WHERE %(recording_id)s IN (one_id, other_id)

-- name: add_kinship
-- Nothing, if either is gone.
INSERT INTO kinships (one_id, other_id, relation, is_reversed, coverage, other_coverage, met_share, speed)
SELECT %(one_id)s, %(other_id)s, %(relation)s, %(is_reversed)s, %(coverage)s, %(other_coverage)s, %(met_share)s,
       %(speed)s
FROM recordings AS one, recordings AS other
WHERE one.recording_id = %(one_id)s AND other.recording_id = %(other_id)s
FOR KEY SHARE
ON CONFLICT DO NOTHING

-- name: add_audited_recording
INSERT INTO audited_recordings (recording_id, sounding_s, is_recognisable)
SELECT recording_id, %(sounding_s)s, %(is_recognisable)s FROM recordings WHERE recording_id = %(recording_id)s
FOR KEY SHARE
ON CONFLICT DO NOTHING

-- name: put_audited_file
INSERT INTO audited_files (file_id, size_bytes, mtime_ns, codec, is_lossless, bit_rate, sample_rate_hz, channels,
                           stated_s, has_mbid)
SELECT file_id, %(size_bytes)s, %(mtime_ns)s, %(codec)s, %(is_lossless)s, %(bit_rate)s, %(sample_rate_hz)s,
       %(channels)s, %(stated_s)s, %(has_mbid)s
FROM files WHERE file_id = %(file_id)s
FOR KEY SHARE
ON CONFLICT (file_id) DO UPDATE
SET size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns, codec = excluded.codec,
    is_lossless = excluded.is_lossless, bit_rate = excluded.bit_rate, sample_rate_hz = excluded.sample_rate_hz,
    channels = excluded.channels, stated_s = excluded.stated_s, has_mbid = excluded.has_mbid

-- name: kinships
SELECT one_id, other_id, relation, is_reversed, coverage, other_coverage, met_share, speed FROM kinships
ORDER BY one_id, other_id

-- name: related_files
-- Of recordings that are related to others, or are in several files.
WITH related AS (
    SELECT one_id AS recording_id FROM kinships
    UNION SELECT other_id FROM kinships
    UNION SELECT recording_id FROM files
          WHERE missing_since IS NULL AND status = 'indexed' GROUP BY recording_id HAVING count(*) > 1
    UNION SELECT recording_id FROM recordings WHERE video_id IS NOT NULL)
SELECT recordings.recording_id, duration_s, files.tags ->> 'title', files.tags ->> 'artist',
       coalesce((files.tags ->> 'trusted')::boolean, false), files.tags ->> 'album' IS NOT NULL, file_id, root,
       path, files.size_bytes, files.mtime_ns, device, inode, content_hash, is_lossless, bit_rate,
       coalesce(has_mbid, false)
FROM related
JOIN recordings USING (recording_id)
JOIN files ON files.recording_id = recordings.recording_id
JOIN libraries USING (library_id)
LEFT JOIN audited_files AS audited USING (file_id)
WHERE missing_since IS NULL AND files.status = 'indexed'
ORDER BY file_id

-- name: references_without_file
SELECT recording_id, duration_s, title, artist, album IS NOT NULL FROM recordings
WHERE video_id IS NOT NULL AND title IS NOT NULL
ORDER BY recording_id

-- name: suspect_files
SELECT files.file_id, root, path, files.recording_id, files.size_bytes, files.mtime_ns,
       CASE files.status WHEN 'failed' THEN files.error END, duration_s, stated_s, sounding_s, is_recognisable
FROM files
JOIN libraries USING (library_id)
LEFT JOIN recordings ON recordings.recording_id = files.recording_id AND files.status = 'indexed'
LEFT JOIN audited_recordings ON audited_recordings.recording_id = recordings.recording_id
LEFT JOIN audited_files AS audited
    ON audited.file_id = files.file_id AND audited.size_bytes = files.size_bytes
   AND audited.mtime_ns = files.mtime_ns
WHERE missing_since IS NULL
  AND (files.status = 'failed'
       OR files.status = 'indexed'
          AND (stated_s - duration_s > %(missing_s)s OR NOT is_recognisable
               OR sounding_s < %(sounding_share)s * duration_s))
ORDER BY path, files.file_id

-- name: drop_findings
DELETE FROM audit_findings

-- name: add_finding
INSERT INTO audit_findings (finding_id, kind, problem, reason)
VALUES (%(finding_id)s, %(kind)s, %(problem)s, %(reason)s)

-- name: add_member
INSERT INTO audit_members (finding_id, place, file_id, recording_id, path, size_bytes, mtime_ns, duration_s,
                           name_number, title, artist, source, is_likely, relation, related_place, coverage,
                           other_coverage, met_share, speed)
VALUES (%(finding_id)s, %(place)s, %(file_id)s, %(recording_id)s, %(path)s, %(size_bytes)s, %(mtime_ns)s,
        %(duration_s)s, %(name_number)s, %(title)s, %(artist)s, %(source)s, %(is_likely)s, %(relation)s,
        %(related_place)s, %(coverage)s, %(other_coverage)s, %(met_share)s, %(speed)s)

-- name: findings
SELECT finding_id, kind, problem, reason FROM audit_findings
WHERE finding_id > %(after)s AND (%(kind)s::text IS NULL OR kind = %(kind)s)
ORDER BY finding_id
LIMIT %(limit)s

-- name: members
SELECT finding_id, place, members.file_id, members.recording_id, members.path, members.size_bytes,
       members.mtime_ns, members.duration_s, name_number, title, artist, source, is_likely, relation,
       related_place, coverage, other_coverage, met_share, speed,
       CASE WHEN files.missing_since IS NULL THEN root END, files.path,
       coalesce((files.size_bytes, files.mtime_ns) <> (members.size_bytes, members.mtime_ns), false),
       codec, is_lossless, bit_rate, sample_rate_hz, channels, stated_s, coalesce(has_mbid, false)
FROM audit_members AS members
LEFT JOIN files USING (file_id)
LEFT JOIN libraries USING (library_id)
LEFT JOIN audited_files AS audited USING (file_id)
WHERE finding_id = ANY(%(finding_ids)s)
ORDER BY finding_id, place

-- name: finding_counts
SELECT kind, count(*) FROM audit_findings GROUP BY kind

-- name: since_audit
SELECT count(*) FILTER (WHERE missing_since IS NULL AND audited.file_id IS NULL),
       count(*) FILTER (WHERE missing_since IS NULL
                        AND (audited.size_bytes, audited.mtime_ns) <> (files.size_bytes, files.mtime_ns)),
       count(*) FILTER (WHERE missing_since > %(made_at)s)
FROM files LEFT JOIN audited_files AS audited USING (file_id)
