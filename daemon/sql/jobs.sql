-- name: jobs_in_progress
SELECT queueing_lock FROM procrastinate_jobs WHERE status = 'doing' AND queueing_lock IS NOT NULL

-- name: release_jobs
DELETE FROM procrastinate_jobs WHERE status = 'doing' AND queueing_lock = ANY(%(queueing_locks)s)
