-- name: release_interrupted_jobs
DELETE FROM procrastinate_jobs WHERE status = 'doing'
