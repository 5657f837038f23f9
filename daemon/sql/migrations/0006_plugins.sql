-- Media servers: what they call our files, and what they have still to be told.

-- Plugins that are told of every write.
CREATE TABLE listeners (
    plugin text PRIMARY KEY
);

-- A write, or its undo, that a plugin was not told of yet.
CREATE TABLE notices (
    notice_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plugin     text NOT NULL REFERENCES listeners ON DELETE CASCADE,
    change_id  bigint NOT NULL REFERENCES changes ON DELETE CASCADE,
    is_undo    boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX notices_plugin ON notices (plugin, notice_id);
CREATE INDEX notices_change ON notices (change_id);

-- A server's own id for a file, as its plugin reported it last.
CREATE TABLE server_items (
    plugin  text NOT NULL,
    file_id bigint NOT NULL REFERENCES files ON DELETE CASCADE,
    item_id text NOT NULL,
    PRIMARY KEY (plugin, file_id)
);
CREATE INDEX server_items_file ON server_items (file_id);

-- Noted in the transaction that ends the change, whoever ends it: none is lost, none is told twice.
CREATE FUNCTION note_for_listeners() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO notices (plugin, change_id, is_undo)
    SELECT plugin, new.change_id, new.status = 'undone' FROM listeners;
    RETURN NULL;
END $$;

CREATE TRIGGER changes_noted AFTER UPDATE OF status ON changes
FOR EACH ROW WHEN (old.status = 'prepared' AND new.status = 'done' OR old.status = 'undoing' AND new.status = 'undone')
EXECUTE FUNCTION note_for_listeners();
