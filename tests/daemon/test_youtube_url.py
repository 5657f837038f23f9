"""An address means a list, an album, an artist or a track of YouTube, or nothing."""

import pickle
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daemon.playlist_errors import NotYouTube
from daemon.youtube_url import Target, parse_address

MUSIC = "https://music.youtube.com"
VIDEO = "dQw4w9WgXcQ"
LIST = "PLQwVIlKxHM6qv-o99iX9R85og7IzF9YS_"
CURATED = "RDCLAK5uy_lWy02cQBnTVTlwuRauaGKeUDH3L6PXNxI"
AUDIO = "OLAK5uy_n0x1TMX8DL2eli2g_LysCSg-6Nq5YQa1g"
ALBUM = "MPREb_AV1uPDAwazo"
ARTIST = "UCedvOgsKFzcK3hA5taf3KoQ"

PLAYLIST = Target("playlist", LIST, f"{MUSIC}/playlist?list={LIST}")
TRACK = Target("track", VIDEO, f"{MUSIC}/watch?v={VIDEO}")


@pytest.mark.parametrize(
    ("url", "target"),
    [
        (f"{MUSIC}/playlist?list={LIST}", PLAYLIST),
        (f"http://www.youtube.com/playlist?list={LIST}&si=abc", PLAYLIST),
        (f"  https://YouTube.com/playlist/?list={LIST}#top\n", PLAYLIST),
        (f"https://m.youtube.com/playlist?list={LIST}&list={LIST}", PLAYLIST),
        (f"{MUSIC}/browse/VL{LIST}", PLAYLIST),
        (f"{MUSIC}/watch?v={VIDEO}&list={LIST}&index=3", PLAYLIST),
        (f"https://youtu.be/{VIDEO}?list={LIST}", PLAYLIST),
        (f"{MUSIC}/playlist?list={CURATED}", Target("playlist", CURATED, f"{MUSIC}/playlist?list={CURATED}")),
        (f"{MUSIC}/playlist?list=LM", Target("liked", "LM", f"{MUSIC}/playlist?list=LM")),
        (f"{MUSIC}/playlist?list={AUDIO}", Target("album", AUDIO, f"{MUSIC}/playlist?list={AUDIO}")),
        (f"{MUSIC}/browse/{ALBUM}", Target("album", ALBUM, f"{MUSIC}/browse/{ALBUM}")),
        (f"{MUSIC}/channel/{ARTIST}", Target("artist", ARTIST, f"{MUSIC}/channel/{ARTIST}")),
        (f"{MUSIC}/browse/{ARTIST}", Target("artist", ARTIST, f"{MUSIC}/channel/{ARTIST}")),
        (f"https://www.youtube.com/channel/{ARTIST}", Target("artist", ARTIST, f"{MUSIC}/channel/{ARTIST}")),
        (f"{MUSIC}/watch?v={VIDEO}&feature=share", TRACK),
        (f"{MUSIC}/watch?v={VIDEO}&list=RDAMVM{VIDEO}", TRACK),
        (f"https://www.youtube.com/watch?v={VIDEO}&list=WL", TRACK),
        (f"https://youtu.be/{VIDEO}?si=abc", TRACK),
    ],
)
def test_an_address_means(url: str, target: Target) -> None:
    assert parse_address(url) == target
    assert parse_address(target.url) == target


@pytest.mark.parametrize(
    "url",
    [
        "",
        "music",
        f"//music.youtube.com/watch?v={VIDEO}",
        f"ftp://music.youtube.com/watch?v={VIDEO}",
        f"file:///watch?v={VIDEO}",
        f"https://music.youtube.com.evil.example/watch?v={VIDEO}",
        f"https://evil.example/watch?v={VIDEO}",
        f"https://evil.example#@music.youtube.com/watch?v={VIDEO}",
        f"https://me:secret@music.youtube.com/watch?v={VIDEO}",
        f"https://music.youtube.com@evil.example/watch?v={VIDEO}",
        f"https://evil.example\\@music.youtube.com/watch?v={VIDEO}",
        f"https://music.youtube.com:443/watch?v={VIDEO}",
        f"https://music.youtube.com./watch?v={VIDEO}",
        f"https://[music.youtube.com/watch?v={VIDEO}",
        f"https://music.you\ntube.com/watch?v={VIDEO}",
        f"https://\uff4dusic.youtube.com/watch?v={VIDEO}",
        f"https://music.youtube.com/watch?v={VIDEO}&v=dQw4w9WgXcR",
        f"{MUSIC}/watch?v=../../../etc",
        f"{MUSIC}/watch?v={VIDEO}x",
        f"{MUSIC}/watch/more?v={VIDEO}",
        f"{MUSIC}/playlist?list=WL",
        f"{MUSIC}/playlist?list=PLABC",
        f"{MUSIC}/playlist?list={LIST}%00",
        f"{MUSIC}/browse/{ALBUM}/more",
        f"{MUSIC}/channel/UCshort",
        f"{MUSIC}/search?q=abc",
        MUSIC,
        f"https://youtu.be/{VIDEO}/more",
        f"{MUSIC}/watch?v={VIDEO}" + "&a=b" * 60,
        f"{MUSIC}/watch?v={VIDEO}&a=" + "x" * 3_000,
    ],
)
def test_an_address_is_refused(url: str) -> None:
    with pytest.raises(NotYouTube, match="no list, album, artist or track"):
        parse_address(url)


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("https://www.youtube.com/@artist", "channel/UC"),
        (f"{MUSIC}/playlist?list=RDAMVM{VIDEO}", "another list each time"),
        (f"music.youtube.com/watch?v={VIDEO}", "https://"),
    ],
)
def test_a_refusal_says_what_to_do(url: str, hint: str) -> None:
    with pytest.raises(NotYouTube, match=hint) as refused:
        parse_address(url)
    assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)


hosts = st.sampled_from(["music.youtube.com", "youtu.be", "youtube.com", "evil.example"])
ids = st.sampled_from([VIDEO, LIST, CURATED, AUDIO, ALBUM, ARTIST, "LM"]) | st.text(max_size=12)
pages = st.sampled_from(["watch?v=", "playlist?list=", "browse/", "channel/", ""]) | st.text(max_size=8)
made = st.builds(
    "{}://{}{}{}/{}{}{}".format,
    st.sampled_from(["https", "http"]) | st.text(max_size=5),
    st.sampled_from(["", "a@", "www."]) | st.text(max_size=3),
    hosts,
    st.sampled_from(["", ".", ":1", "@evil.example"]) | st.text(max_size=3),
    pages,
    ids,
    st.text(max_size=6),
)


@given(made | st.text())
@example("https://[")
@example("https://youtu.be/watch?v=\ud800")
def test_any_text_is_a_canonical_address_of_youtube_music_or_refused(url: str) -> None:
    try:
        target = parse_address(url)
    except NotYouTube:
        return
    assert urlsplit(target.url).netloc == "music.youtube.com"
    assert target.id in target.url
    assert parse_address(target.url) == target
    assert urlsplit(url.strip()).hostname in {
        "music.youtube.com",
        "youtube.com",
        "www.youtube.com",
        "youtu.be",
    }
