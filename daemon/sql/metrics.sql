-- name: figures
-- One row a figure: of what, of which kind, how many. One statement: one look at the files, one moment for all.
SELECT 'files', CASE WHEN missing_since IS NULL THEN status::text ELSE 'missing' END, count(*)::float8
FROM files GROUP BY 2
UNION ALL SELECT 'recordings', kind, number
FROM (SELECT count(*) AS "all", count(*) FILTER (WHERE is_reference) AS named, coalesce(sum(duration_s), 0) AS seconds
      FROM recordings) AS known,
     LATERAL (VALUES ('all', "all"::float8), ('references', named), ('seconds', seconds)) AS figure (kind, number)
UNION ALL SELECT 'changes', status::text, count(*) FROM changes GROUP BY 2
UNION ALL SELECT 'jobs:' || task_name, status::text, count(*) FROM procrastinate_jobs GROUP BY 1, 2
UNION ALL SELECT 'tracks', state, count(*) FROM tracks GROUP BY 2
UNION ALL SELECT 'playlists', 'all', count(*) FROM playlists
UNION ALL SELECT 'lookups', 'waiting', count(*) FROM lookups WHERE finished_at IS NULL
UNION ALL SELECT 'notices', plugin, (SELECT count(*) FROM notices WHERE notices.plugin = listeners.plugin)
FROM listeners
UNION ALL SELECT 'schema', 'version', max(version) FROM schema_migrations
