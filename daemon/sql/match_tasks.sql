-- name: add_task
INSERT INTO match_tasks (task_id) VALUES (%(task_id)s)

-- name: finish_task
UPDATE match_tasks
SET status = %(status)s, result = %(result)s, outcome = %(outcome)s, reason = %(reason)s, error = %(error)s,
    finished_at = now()
WHERE task_id = %(task_id)s AND status = 'pending'

-- name: task
SELECT status::text, result, error, outcome, reason FROM match_tasks WHERE task_id = %(task_id)s

-- name: interrupt_tasks
UPDATE match_tasks SET status = 'fail', error = 'interrupted: the service stopped before it was done; send it again',
    finished_at = now()
WHERE status = 'pending'

-- name: expire_tasks
DELETE FROM match_tasks WHERE finished_at < now() - make_interval(secs => %(lifetime_s)s)
