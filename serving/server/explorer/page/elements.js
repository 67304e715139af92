// Elements made by hand. What comes from data only ever becomes text nodes and attribute values, never markup.

/**
 * Returns a new element.
 * @param {string} tag
 * @param {Object<string, string|boolean|Function>} attributes `onclick` and the like are listeners; false leaves out.
 * @param {...(Node|string|null)} children strings become text.
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** Shows a sentence in an element that is hidden without one; where nothing changed nothing is announced again. */
export function say(target, ...content) {
  const text = content.map((each) => (typeof each === "string" ? each : each.textContent)).join("");
  target.hidden = text === "";
  if (target.textContent !== text) target.replaceChildren(...content);
}

/** Returns a value of a table as text: lists with commas, nothing for what is missing. */
export function shown(value) {
  if (value === null || value === undefined) return "";
  return Array.isArray(value) ? value.map(shown).join(", ") : String(value);
}
