/** Where the reader is: the address behind the "#". */

import { useEffect, useState } from "./html.js";

/** Return the parts of the address: ["files", "12"] of "#/files/12". */
function parts() {
  return location.hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);
}

/** Return where the reader is, and follow. */
export function useRoute() {
  const [route, setRoute] = useState(parts);
  useEffect(() => {
    const follow = () => setRoute(parts());
    addEventListener("hashchange", follow);
    // It may have changed between the first drawing and now.
    follow();
    return () => removeEventListener("hashchange", follow);
  }, []);
  return route;
}
