-- Why a clip is known or is not, beside what it is.

ALTER TABLE match_tasks
    ADD COLUMN outcome text CHECK (outcome IN ('identified', 'ambiguous', 'unknown')),
    ADD COLUMN reason  text;
