"""Half a character, which JSON's escapes can name, is in no path."""

import json

from real_daemon import RealDaemon
from unix_http import UnixConnection


def test_an_added_path_with_half_a_character_is_refused(daemon: RealDaemon) -> None:
    body = json.dumps({"paths": [f"{daemon.music}/\ud800"]})
    with UnixConnection(daemon.state, timeout_s=30.0) as connection:
        connection.request("POST", "/add", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = json.loads(response.read())
    assert response.status == 400, answer
    assert "half a character" in answer["error"]
