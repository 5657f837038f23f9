-- name: drop_listeners
DELETE FROM listeners WHERE plugin <> ALL(%(plugins)s)

-- name: add_listeners
INSERT INTO listeners SELECT unnest(%(plugins)s::text[]) ON CONFLICT DO NOTHING

-- name: notices
-- Where the file is now, and whether something that it said before is gone.
SELECT notice_id, coalesce(libraries.root, changes.root), coalesce(files.path, changes.path), item_id,
       is_undo OR EXISTS (
           SELECT FROM jsonb_each(before_tags) AS before
           WHERE before.value NOT IN ('null', '""', '[]') AND after_tags -> before.key IS DISTINCT FROM before.value)
FROM notices
JOIN changes USING (change_id)
LEFT JOIN files USING (file_id)
LEFT JOIN libraries USING (library_id)
LEFT JOIN server_items ON server_items.plugin = notices.plugin AND server_items.file_id = files.file_id
WHERE notices.plugin = %(plugin)s
ORDER BY notice_id
LIMIT %(limit)s

-- name: notices_told
DELETE FROM notices WHERE notice_id = ANY(%(notice_ids)s)

-- name: notices_waiting
SELECT count(*) FROM notices WHERE plugin = %(plugin)s

-- name: note_item
INSERT INTO server_items (plugin, file_id, item_id) VALUES (%(plugin)s, %(file_id)s, %(item_id)s)
ON CONFLICT (plugin, file_id) DO UPDATE SET item_id = excluded.item_id
WHERE server_items.item_id <> excluded.item_id
