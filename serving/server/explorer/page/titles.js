// Titles of candidates, from the table that a version carries; without one an id is its own title.

import { ask, versionPath } from "./server.js";

const MOST_IN_A_REQUEST = 500;

/** Titles of one version, kept once they were asked for. */
export class Titles {
  constructor(model, version) {
    this.path = `${versionPath("explorer", model, version)}/titles`;
    this.rows = new Map();
  }

  /** Asks for what is not known yet. */
  async load(candidateIds) {
    const unknown = [...new Set(candidateIds)].filter((each) => !this.rows.has(each));
    for (let start = 0; start < unknown.length; start += MOST_IN_A_REQUEST) {
      const part = unknown.slice(start, start + MOST_IN_A_REQUEST);
      const { answer } = await ask(this.path, { candidate_ids: part });
      part.forEach((each, place) => this.rows.set(each, answer.rows[place]));
    }
  }

  /** Returns the first column of a candidate, or its id. */
  title(candidateId) {
    const title = this.rows.get(candidateId)?.[0];
    return title === null || title === undefined || title === "" ? candidateId : String(title);
  }

  /** Returns the other columns of a candidate. */
  others(candidateId) {
    return this.rows.get(candidateId)?.slice(1) ?? [];
  }
}
