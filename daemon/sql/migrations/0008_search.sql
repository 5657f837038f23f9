-- Find files by words, whatever their case and accents.

-- A path that is not UTF-8 was most likely written as Latin-1, in which all bytes mean something.
CREATE FUNCTION spectra_path_text(path bytea) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    RETURN convert_from(path, 'UTF8');
EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character THEN
    RETURN convert_from(path, 'LATIN1');
END $$;

-- Lower case, compatibility forms resolved, accents and other marks left out, and what NFKD takes for letters of
-- their own as it is typed without them. Both sides of a search go through this. It names no function of ours: a
-- restored dump fills the generated column with an empty search_path.
CREATE FUNCTION spectra_folded(given text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT replace(replace(replace(replace(translate(
        lower(regexp_replace(
            normalize(given, NFKD),
            '[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0670\u1ab0-\u1aff'
            '\u1dc0-\u1dff\u20d0-\u20ff\u3099\u309a\ufe20-\ufe2f]', '', 'g')),
        'øđłıħŧς’‘', 'odlihtσ'''''), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th')
$$;

-- What LIKE asks for to find each word anywhere, its wildcards taken literally.
CREATE FUNCTION spectra_patterns(words text[]) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT array_agg('%' || regexp_replace(folded, '([\\%_])', '\\\1', 'g') || '%')
    FROM (SELECT spectra_folded(word) AS folded FROM unnest(words) AS word) AS each
$$;

ALTER TABLE files ADD COLUMN search_text text COLLATE "C" GENERATED ALWAYS AS (spectra_folded(
    spectra_path_text(path) || E'\n' || coalesce(tags ->> 'title', '') || E'\n' || coalesce(tags ->> 'artist', '')
    || E'\n' || coalesce(tags ->> 'album', ''))) STORED;

-- Pages of few files among many.
CREATE INDEX files_failed ON files (file_id) WHERE status = 'failed' AND missing_since IS NULL;
CREATE INDEX files_missing ON files (file_id) WHERE missing_since IS NOT NULL;

-- Whether anything has happened to changes is asked every second while somebody looks at the page.
CREATE INDEX changes_ended ON changes (status, ended_at) INCLUDE (confirmed_at);
