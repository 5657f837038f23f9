-- name: media_of_file
SELECT root, path, recording_id, missing_since IS NOT NULL
FROM files JOIN libraries USING (library_id)
WHERE file_id = %(file_id)s

-- name: media_of_recording
SELECT root, path, recording_id FROM files JOIN libraries USING (library_id)
WHERE recording_id = %(recording_id)s AND missing_since IS NULL
ORDER BY file_id
LIMIT %(most)s
