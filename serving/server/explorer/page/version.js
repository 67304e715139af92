// One version of a model: what its signatures take, and what they answer.

import { candidatesOf } from "./answer.js";
import { ask, ServerError, versionPath } from "./server.js";
import { Titles } from "./titles.js";

/** A version that was available when it was loaded. */
export class Version {
  /** Learns what a version is. */
  static async load(model, number) {
    const { answer } = await ask(versionPath("explorer", model, number));
    return new Version(answer);
  }

  /** @param {Object} described what the server says of it: name, version, recommends, neighbours, signatures, description. */
  constructor(described) {
    Object.assign(this, described);
    this.titles = new Titles(this.name, this.version);
  }

  /** Returns the inputs of a signature. */
  inputs(signature) {
    return this.signatures[signature].inputs;
  }

  /** Returns the input of a signature that has a role, or undefined. */
  input(signature, role) {
    return this.inputs(signature).find((each) => each.role === role);
  }

  /** Returns whether another version takes the same form. */
  asksLike(other) {
    const asked = (version) => version?.recommends && [version.inputs(version.recommends), version.description?.k];
    return JSON.stringify(asked(this)) === JSON.stringify(asked(other));
  }

  /** Returns candidates, best first, and the milliseconds that the answer took. */
  async predict(signature, instance) {
    const path = `${versionPath("v1", this.name, this.version)}:predict`;
    const { answer, milliseconds } = await ask(path, { signature_name: signature, instances: [instance] });
    return { candidates: candidatesOf(answer.predictions[0]), milliseconds };
  }

  /** Learns titles; returns a sentence if there are none to be had, since ids can be shown all the same. */
  async loadTitles(candidateIds) {
    try {
      await this.titles.load(candidateIds);
      return "";
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
      return `Titles are missing: ${error.message}`;
    }
  }
}
