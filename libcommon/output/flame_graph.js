// SPDX-License-Identifier: Apache-2.0
// Zoom, search and keys of a flame graph. Names come from strangers: they are
// only ever set as text. What there is to draw is read from the document:
//   #frames  a line each: letter of the kind, name, object, reason; tabs between
//   #boxes   a line for each <rect> of #graph, in the same order: how many boxes
//            further the parent is than that of the line before, frame, total,
//            self, and in a difference the total before
(() => {
'use strict';
const margin = 10, pitch = 16, textMargin = 3, leastText = 5;
const svg = document.documentElement;
const byId = id => document.getElementById(id);
const {unit, counted, difference, showBefore, icicle, hidden} = svg.dataset;
const lines = id => byId(id).textContent.split('\n').filter(line => line);
const kinds = {g: '', k: 'kernel', u: 'user', j: 'generated code', i: 'inlined', x: 'unnamed', m: ''};
const graph = byId('graph'), cursor = byId('cursor');
const rows = [...graph.children];

const frames = lines('frames').map(line => {
  const [name, object, reason] = line.slice(1).split('\t');
  return {kind: line[0], name, object, reason};
});

function readBoxes() {
  const rects = graph.querySelectorAll('rect');
  let parent = 0;
  return lines('boxes').map((line, index) => {
    const [step, frame, total, self, before] = line.split(' ');
    parent += Number(step);
    const rect = rects[index];
    rect.box = index;
    return {rect, parent, frame: frames[frame], total, self, before, children: [],
            weight: Number(showBefore ? before : total)};
  });
}
const boxes = readBoxes();

// Children lie side by side from the left edge of their parent on.
function measure() {
  boxes[0].at = boxes[0].row = boxes[0].filled = 0;
  for (let i = 1; i < boxes.length; ++i) {
    const box = boxes[i], parent = boxes[box.parent];
    box.row = parent.row + 1;
    box.at = parent.at + parent.filled;
    box.filled = 0;
    parent.filled += box.weight;
    parent.children.push(i);
  }
}
measure();
const rowBoxes = rows.map(() => []);
boxes.forEach((box, i) => rowBoxes[box.row].push(i));

const heads = [...document.querySelectorAll('.title, .line')].map(text => text.textContent.trim());
let width = 0, top = 0, panelHeight = 0, zoomed = 0, current = 0, letter = 6.6, pattern = null;

function percent(part, whole) {
  return whole > 0 ? (100 * part / whole).toFixed(2) + ' %' : '0 %';
}

function amount(text) {
  if (unit !== 'nanoseconds') return text.replace(/\B(?=(\d{3})+$)/g, ',') + ' ' + counted;
  const ns = Number(text);
  for (const [size, name] of [[1e9, 's'], [1e6, 'ms'], [1e3, 'us']]) {
    if (ns >= size) return (ns / size).toPrecision(ns >= 1000 * size ? 6 : 3) + ' ' + name;
  }
  return ns + ' ns';
}

function changeOf(box) {
  const change = Number(box.total) - Number(box.before);
  const sign = change < 0 ? '-' : '+';
  return `before ${amount(box.before)}, ${sign}${amount(String(Math.abs(change)))}`;
}

function factsOf(box) {
  const {kind, object, reason} = box.frame;
  const facts = [kinds[kind] && object ? `${kinds[kind]}, ${object}` : kinds[kind] || object,
                 reason, amount(box.total),
                 percent(Number(box.total), Number(boxes[0].total)) + ' of all'];
  if (box.parent !== zoomed && box.row > 0) {
    const parent = boxes[box.parent];
    facts.push(percent(Number(box.total), Number(parent.total)) + ' of the caller');
  }
  if (kind !== 'm') facts.push('self ' + percent(Number(box.self), Number(boxes[0].total)));
  if (difference) facts.push(changeOf(box));
  return facts.filter(fact => fact).join(' · ');
}

// --- the panel

const xhtml = 'http://www.w3.org/1999/xhtml';
function element(name, attributes, text) {
  const made = document.createElementNS(xhtml, name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  if (text) made.textContent = text;
  return made;
}

const holder = document.createElementNS(svg.namespaceURI, 'foreignObject');
const panel = element('div', {id: 'panel', role: 'group', 'aria-label': 'Controls'});
const bar = element('div', {role: 'search'});
const field = element('input', {id: 'search', type: 'text', spellcheck: 'false', autocomplete: 'off',
  placeholder: 'Search names and objects', 'aria-label': 'Search names and objects: text or regular expression'});
const clear = element('button', {id: 'clear', type: 'button'}, 'Clear');
const reset = element('button', {id: 'reset', type: 'button'}, 'Reset zoom');
const matched = element('output', {id: 'matched', role: 'status'});
const keys = element('span', {class: 'keys'}, '/ search · arrows move · Enter zoom · Esc reset');
const legend = element('div', {class: 'legend'});
const about = element('div', {class: 'about'});
const nameLine = element('p', {class: 'name', id: 'name'});
const factsLine = element('p', {class: 'facts', id: 'facts'});
bar.append(field, clear, reset, matched, keys);
about.append(nameLine, factsLine);
panel.append(bar, legend, about);
holder.append(panel);
svg.append(holder);

// Where the picture is higher than the window, it takes the legend along.
function moveLegend() {
  const old = document.querySelector('g.legend');
  for (const item of old.children) {
    const [rect, text] = item.children;
    const swatch = document.createElementNS(svg.namespaceURI, 'svg');
    swatch.setAttribute('width', 12);
    swatch.setAttribute('height', 12);
    swatch.append(rect);
    const entry = element('span', {});
    entry.append(swatch, ' ' + text.textContent);
    legend.append(entry);
  }
  old.remove();
}

// Of the root, what stands above the picture.
function show(index) {
  const box = boxes[index];
  const facts = index === 0 ? [amount(box.total), ...heads.slice(1)].join(' · ') : factsOf(box);
  nameLine.textContent = box.frame.name;
  factsLine.textContent = factsLine.title = facts;
  nameLine.title = box.frame.name;
  return `${box.frame.name}, ${facts}`;
}

function placePanel() {
  const all = Number(svg.getAttribute('height'));
  holder.setAttribute('y', Math.min(window.scrollY + window.innerHeight, all) - panelHeight);
}

// Its height changes with what it says.
function fitPanel() {
  panelHeight = panel.offsetHeight;
  holder.setAttribute('height', panelHeight);
  svg.setAttribute('height', top + rows.length * pitch + margin + panelHeight);
  placePanel();
}

// --- drawing

// Which boxes are drawn: those below the zoomed one, and its callers.
function choose() {
  const callers = new Set();
  for (let i = zoomed; i !== 0;) callers.add(i = boxes[i].parent);
  boxes.forEach((box, i) => {
    box.caller = callers.has(i);
    box.inside = i === zoomed || (i > zoomed && i !== 0 && boxes[box.parent].inside);
  });
}

function place(box) {
  const target = boxes[zoomed];
  const scale = target.weight > 0 ? width / target.weight : 0;
  box.x = margin;
  box.width = width;
  if (!box.caller && box !== target) {
    box.x += (box.at - target.at) * scale;
    box.width = box.weight * scale;
  }
  box.rect.setAttribute('x', box.x.toFixed(2));
  box.rect.setAttribute('width', (box.width > 2 ? box.width - 0.5 : box.width).toFixed(2));
}

// To so many columns; East Asian letters take two.
function cut(name, room) {
  let used = 0;
  const letters = [...name];
  const end = letters.findIndex(one => (used += one >= '\u1100' ? 2 : 1) > room);
  if (end < 0) return name;
  return letters.slice(0, Math.max(end - 1, 0)).join('') + '…';
}

function label(box, index) {
  const room = Math.floor((box.width - 2 * textMargin) / letter);
  if (room < leastText && room < box.frame.name.length) return;
  const text = document.createElementNS(svg.namespaceURI, 'text');
  text.textContent = cut(box.frame.name, room);
  text.setAttribute('x', (box.x + textMargin).toFixed(2));
  text.setAttribute('y', 11);
  text.classList.toggle('match', Boolean(box.match));
  text.box = index;
  rows[box.row].append(text);
}

function draw() {
  graph.querySelectorAll('text').forEach(text => text.remove());
  boxes.forEach((box, i) => {
    const drawn = box.inside || box.caller;
    if (drawn) place(box);
    box.rect.classList.toggle('gone', !drawn);
    box.rect.classList.toggle('caller', box.caller);
    if (drawn) label(box, i);
  });
  reset.disabled = zoomed === 0;
  outline(current);
}

function outline(index) {
  const box = boxes[index];
  if (!box.inside && !box.caller) return;
  cursor.setAttribute('x', box.x.toFixed(2));
  cursor.setAttribute('y', top + yOf(box.row));
  cursor.setAttribute('width', Math.max(box.width - 0.5, 1).toFixed(2));
}

const yOf = row => pitch * (icicle ? row : rows.length - 1 - row);

function zoom(index, here = index) {
  zoomed = index;
  choose();
  draw();
  describe(here);
  countMatches();
}

// --- layout of what stands above, for this width

// Measured on a canvas: each question to the picture itself would lay it out
// anew, all its rectangles with it.
const canvas = element('canvas', {}).getContext('2d');

function lengthOf(text, style) {
  canvas.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  return canvas.measureText(text).width;
}

function wrap(text, x, y, room) {
  const words = text.source ??= text.textContent.trim().split(/\s+/);
  const style = getComputedStyle(text);
  text.textContent = '';
  let line = null;
  for (const word of words) {
    if (line && lengthOf(line.textContent + word, style) <= room) {
      line.textContent += word + ' ';
      continue;
    }
    line = document.createElementNS(svg.namespaceURI, 'tspan');
    line.setAttribute('x', x);
    line.setAttribute('y', y);
    line.textContent = word + ' ';
    text.append(line);
    y += 16;
  }
  return y;
}

function layOut() {
  width = Math.max(svg.getBoundingClientRect().width - 2 * margin, 100);
  let y = 26;
  document.querySelectorAll('.title, .line').forEach(text => {
    y = wrap(text, margin, y, width);
    if (text.classList.contains('title')) y += 4;
  });
  top = y;
  graph.setAttribute('transform', `translate(0,${top})`);
  holder.setAttribute('width', width + 2 * margin);
  fitPanel();
  draw();
}

// --- search

function compile(text) {
  if (!text) return null;
  try {
    const expression = new RegExp(text, /[A-Z]/.test(text) ? '' : 'i');
    return value => expression.test(value);
  } catch {
    return value => value.includes(text);
  }
}

// A match below another is in its weight already.
function weightOfMatches(from) {
  let sum = 0;
  boxes.forEach((box, i) => {
    const parent = i > from ? boxes[box.parent] : null;
    box.within = i === from || Boolean(parent?.within);
    box.covered = Boolean(parent?.within && parent.covered);
    if (!box.within || !box.match || box.covered) return;
    sum += Number(box.total);
    box.covered = true;
  });
  return sum;
}

function countMatches() {
  matched.textContent = '';
  if (!pattern) return;
  const all = Number(boxes[0].total), here = boxes[zoomed];
  let text = 'Matched: ' + percent(weightOfMatches(0), all);
  if (zoomed !== 0) {
    text += ` of all, ${percent(weightOfMatches(zoomed), Number(here.total))} of this`;
  }
  if (Number(hidden) > 0) text += `; ${percent(Number(hidden), all)} too narrow to be searched`;
  matched.textContent = text;
}

function search(text) {
  pattern = compile(text);
  for (const frame of frames) {
    frame.match = pattern && frame.kind !== 'm' && (pattern(frame.name) || pattern(frame.object));
  }
  for (const box of boxes) {
    box.match = box.frame.match;
    box.rect.classList.toggle('match', Boolean(box.match));
  }
  graph.querySelectorAll('text').forEach(text => text.classList.toggle('match', Boolean(boxes[text.box].match)));
  graph.classList.toggle('searched', Boolean(pattern));
  clear.disabled = !text;
  countMatches();
}

function clearSearch() {
  field.value = '';
  search('');
}

// --- pointer and keys

// Tells a screen reader, too, where the keys have led.
function describe(index) {
  const old = byId('here');
  old?.removeAttribute('id');
  current = index;
  const {rect, row} = boxes[index];
  rect.id = 'here';
  rect.setAttribute('role', 'treeitem');
  rect.setAttribute('aria-level', row + 1);
  rect.setAttribute('aria-label', show(index));
  graph.setAttribute('aria-activedescendant', 'here');
  outline(index);
}

function scrollToRow(row) {
  const y = top + yOf(row), foot = panelHeight + pitch;
  if (y < window.scrollY) window.scrollTo(window.scrollX, y - pitch);
  const bottom = window.scrollY + window.innerHeight - foot;
  if (y > bottom) window.scrollTo(window.scrollX, y - window.innerHeight + foot);
}

function move(index) {
  if (index === undefined || !(boxes[index].inside || boxes[index].caller)) return;
  describe(index);
  scrollToRow(boxes[index].row);
}

function toCallee() {
  const heaviest = (a, b) => boxes[b].weight > boxes[a].weight ? b : a;
  const drawn = boxes[current].children.filter(i => boxes[i].inside || boxes[i].caller);
  if (drawn.length) move(drawn.reduce(heaviest));
}

function aside(step) {
  const row = rowBoxes[boxes[current].row];
  move(row[row.indexOf(current) + step]);
}

const up = icicle ? 'ArrowDown' : 'ArrowUp', down = icicle ? 'ArrowUp' : 'ArrowDown';
const actions = {
  [up]: toCallee,
  [down]: () => move(boxes[current].parent),
  ArrowLeft: () => aside(-1),
  ArrowRight: () => aside(1),
  Home: () => move(zoomed),
  Enter: () => zoom(current),
  ' ': () => zoom(current),
  Backspace: () => zoom(boxes[zoomed].parent),
  Escape: () => zoomed !== 0 ? zoom(0, current) : clearSearch(),
  '/': () => field.focus(),
};

document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target === field) {
    if (event.key !== 'Escape' && event.key !== 'Enter') return;
    if (event.key === 'Escape') clearSearch();
    graph.focus();
    event.preventDefault();
  } else if (actions[event.key] && !(event.target.localName === 'button' && /^(Enter| )$/.test(event.key))) {
    if (event.key !== '/') graph.focus();
    actions[event.key]();
    event.preventDefault();
  }
});

graph.addEventListener('pointerover', event => {
  const index = event.target.box;
  if (index === undefined) return;
  hint.textContent = show(index);
  event.target.append(hint);
  outline(index);
  cursor.classList.add('hover');
});
graph.addEventListener('pointerleave', () => {
  cursor.classList.remove('hover');
  show(current);
  outline(current);
});
graph.addEventListener('click', event => {
  const index = event.target.box;
  if (index !== undefined && getSelection().isCollapsed) zoom(index);
});
reset.addEventListener('click', () => { zoom(0, current); graph.focus(); });
clear.addEventListener('click', () => { clearSearch(); field.focus(); });
field.addEventListener('input', () => search(field.value));
graph.addEventListener('focus', () => describe(current));
window.addEventListener('resize', layOut);
window.addEventListener('scroll', placePanel);
new ResizeObserver(fitPanel).observe(panel);

// --- start: the static labels and hints make room for those of this window

const hint = document.createElementNS(svg.namespaceURI, 'title');
graph.querySelectorAll('title').forEach(title => title.remove());
const sample = graph.querySelector('text');
if (sample) letter = sample.getComputedTextLength() / [...sample.textContent].length || letter;
graph.setAttribute('tabindex', 0);
graph.setAttribute('role', 'tree');
svg.removeAttribute('viewBox');
svg.setAttribute('width', '100%');
moveLegend();
choose();
layOut();
if (!icicle) window.scrollTo(0, Number(svg.getAttribute('height')));
placePanel();
search('');
show(0);
})();
