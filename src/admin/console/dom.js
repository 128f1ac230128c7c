/**
 * The element of the page with this id.
 *
 * @template {Element} [Type=HTMLElement]
 * @param {string} id
 * @param {new () => Type} [type]
 * @returns {Type}
 */
export function byId(id, type) {
  const wanted = type ?? HTMLElement;
  const found = document.getElementById(id);
  if (!(found instanceof wanted)) throw new TypeError(`the page has no ${id}`);
  return /** @type {Type} */ (/** @type {unknown} */ (found));
}

/**
 * Writes only what is new: a live region speaks whenever its text is written, also if it is the same.
 *
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * @param {string} tag
 * @param {Readonly<Record<string, string>>} attributes
 * @param {...(Node | string)} children
 */
export function create(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/**
 * The same in a drawing.
 *
 * @param {string} tag
 * @param {Readonly<Record<string, string | number>>} attributes
 * @param {...(Node | string)} children
 */
export function createSvg(tag, attributes, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** @type {WeakMap<Element, string>} */
const shown = new WeakMap();

/**
 * Replaces what is in an element if it would show something else: a selection, and the place of somebody who reads
 * there, stay as long as nothing changes.
 *
 * @template Value
 * @param {Element} element
 * @param {Value} value all that `build` uses
 * @param {(value: Value) => readonly Node[]} build
 */
export function show(element, value, build) {
  const text = JSON.stringify(value);
  if (shown.get(element) === text) return;
  shown.set(element, text);
  element.replaceChildren(...build(value));
}
