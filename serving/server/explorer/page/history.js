// The history that a query is asked with: typed, or from the file that --explorer_histories names.

import { FROM_FILE } from "./form.js";
import { entries } from "./inputs.js";
import { ask } from "./server.js";

/**
 * Returns a history.
 * @param {URLSearchParams} values what the form holds.
 * @param {boolean} hasHistories whether the server has a file of them.
 * @returns {{ids: Array<string>, moments: ?Array<number>, note: string}} oldest first; moments only from a file, -1
 *   where one is not known; note: what is to be said of it.
 */
export async function historyOf(values, hasHistories) {
  const queryId = values.get("query_id");
  if (!hasHistories || !queryId || values.get(FROM_FILE) === "false") {
    return { ids: entries(values.get("history") ?? ""), moments: null, note: "" };
  }
  try {
    const { answer } = await ask("explorer/histories", { query_id: queryId });
    return { ids: answer.candidate_ids, moments: answer.timestamps.map((each) => each ?? -1), note: "" };
  } catch (error) {
    if (error.status !== 404) throw error;
    return { ids: [], moments: [], note: error.message };
  }
}

/** Returns ids of queries that the file holds. */
export async function someQueryIds() {
  const { answer } = await ask("explorer/histories");
  return answer.query_ids;
}
