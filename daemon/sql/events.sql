-- name: changes_mark
-- What differs after whatever happened to a change: one was added, or got another state, or was confirmed.
SELECT (SELECT max(change_id) FROM changes), coalesce(sum(many), 0)::bigint,
       string_agg(concat_ws(' ', status, many, ended_at, confirmed), ',' ORDER BY status)
FROM (SELECT status, count(*) AS many, max(ended_at) AS ended_at, count(confirmed_at) AS confirmed
      FROM changes GROUP BY status) AS by_status
