// Colours of classes and clusters, as [r, g, b] in [0, 1]. They are told apart on
// white and on black.

const palette = ["#4c78d0", "#e4812d", "#3f9e5b", "#d2504f", "#8c62c4", "#a0714f", "#d66fb4", "#7f8895", "#b3a22c", "#2aa5b5"];

export const none = [0.55, 0.58, 0.63];

export function colourOf(index) {
  if (index < 0) return none;
  if (index < palette.length) return fromHex(palette[index]);
  // Beyond the palette, hues by the golden angle, in three lightnesses.
  return fromHSL((index * 137.508) % 360, 0.55, [0.55, 0.42, 0.66][index % 3]);
}

export function css([r, g, b], alpha = 1) {
  return `rgb(${Math.round(r * 255)} ${Math.round(g * 255)} ${Math.round(b * 255)} / ${alpha})`;
}

function fromHex(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255);
}

function fromHSL(h, s, l) {
  const channel = (n) => {
    const k = (n + h / 30) % 12;
    return l - s * Math.min(l, 1 - l) * Math.max(-1, Math.min(k - 3, 9 - k, 1));
  };
  return [channel(0), channel(8), channel(4)];
}

// Colours of scores, from low to high: the low ones are to be seen first.
const ramp = ["#c93a3d", "#e78b45", "#d3bd72", "#63aba4", "#2f6db5"].map(fromHex);

// scale is the colour of a share of the way from low to high.
export function scale(share) {
  const at = Math.max(0, Math.min(1, share)) * (ramp.length - 1);
  const i = Math.min(ramp.length - 2, Math.floor(at));
  return ramp[i].map((v, c) => v + (ramp[i + 1][c] - v) * (at - i));
}
