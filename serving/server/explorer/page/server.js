// Requests to the server that this page came from.

/** The server refused, or did not answer; `status` is that of HTTP, 0 without an answer. */
export class ServerError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/**
 * Returns an answer and how many milliseconds it took to come, measured here.
 * @param {string} path relative to the page, so that a proxy may put both elsewhere.
 * @param {Object=} body sent by POST; without one it is a GET.
 */
export async function ask(path, body) {
  const options = body ? { method: "POST", body: JSON.stringify(body) } : {};
  const started = performance.now();
  let response, text;
  try {
    response = await fetch(path, options);
    text = await response.text();
  } catch {
    throw new ServerError("The server does not answer. It may have been stopped.", 0);
  }
  const milliseconds = performance.now() - started;
  const answer = parsed(text, response.status);
  if (!response.ok) throw new ServerError(complaint(answer, response.status), response.status);
  return { answer, milliseconds };
}

/** Returns the path of a model's version under a root; names may hold anything. */
export function versionPath(root, model, version) {
  return `${root}/models/${encodeURIComponent(model)}/versions/${version}`;
}

/** Returns the sentence of an error, without the places in the graph that TensorFlow adds on lines of their own. */
function complaint(answer, status) {
  return answer.error?.split("\n\t [[")[0] ?? `The server answered with ${status}.`;
}

function parsed(text, status) {
  try {
    return JSON.parse(text);
  } catch {
    throw new ServerError("The server answered something that is not JSON.", status);
  }
}
