/** The page's templates: htm over Preact, which makes text nodes of all that is not a tag here. */

import htm from "./vendor/htm.js";
import { h } from "./vendor/preact.js";

export { createContext, render } from "./vendor/preact.js";
export {
  useCallback,
  useContext,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "./vendor/preact-hooks.js";

export const html = htm.bind(h);
