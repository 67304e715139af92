// What the page shows, as the part of its address behind "#": so the back button and bookmarks work, and nothing of it
// is sent to any server.

export const NEWEST = "newest";

/**
 * Returns what an address asks for.
 * @returns {{model: string, version: string, view: string, values: URLSearchParams}}
 *   view: "recommend", "similar" or "" for none; values: what the form holds, by input.
 */
export function parse(hash) {
  const [path, ...query] = (hash.startsWith("#/") ? hash.slice(2) : "").split("?");
  const [model = "", version = NEWEST, view = ""] = path.split("/").map(decoded);
  return { model, version, view, values: new URLSearchParams(query.join("?")) };
}

/** Returns the address of a route. */
export function format({ model, version = NEWEST, view = "", values = new URLSearchParams() }) {
  const path = [model, version, ...(view ? [view] : [])].map(encodeURIComponent).join("/");
  return `#/${path}${values.size ? `?${values}` : ""}`;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
