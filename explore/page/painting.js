// What the points of a map are coloured by: groups have a colour each, scores a scale.

import { colourOf, none, scale } from "./colours.js";

// byGroup colours by numbers from 0 on, -1 for none.
export function byGroup(of, name) {
  return { group: (i) => of[i], name, colour: (i) => colourOf(of[i]), swatch: colourOf };
}

const bins = 5;

// byScore colours by a score of the server's, in bins for the legend. lowest are those of some points
// that have one, from the lowest on.
export function byScore(score) {
  const { low, high, values } = score;
  const share = (v) => (v - low) / (high - low);
  const yesNo = values.every((v) => v === 0 || v === 1 || v < 0);
  const bin = (v) => (v < 0 ? -1 : Math.max(0, Math.min(bins - 1, Math.floor(share(v) * bins))));
  const edge = (b) => (low + ((high - low) * b) / bins).toFixed(2);
  const name = (g) => {
    if (g < 0) return "none";
    if (yesNo) return g === 0 ? "wrong (0)" : "right (1)";
    return g === 0 && low > 0 ? `below ${edge(1)}` : `${edge(g)} to ${edge(g + 1)}`;
  };
  return {
    score, name,
    group: (i) => bin(values[i]),
    colour: (i) => (values[i] < 0 ? none : scale(share(values[i]))),
    swatch: (g) => (g < 0 ? none : scale((g + 0.5) / bins)),
    lowest: (rows) => rows.filter((i) => values[i] >= 0).sort((a, b) => values[a] - values[b]),
  };
}
