// What an SVG in a page looks like: rooms of texts, what lies on them, and how often arrows cross. Called with the SVG.
(svg) => {
  const drawn = [...svg.querySelectorAll("text, rect, path")];
  // Of a line of text the room from the height of capitals to the baseline, a pixel within.
  const letters = (text) => {
    const r = text.getBBox(), size = parseFloat(text.getAttribute("font-size")), y = parseFloat(text.getAttribute("y"));
    return [r.x + 1, y - 0.68 * size, r.x + r.width - 1, y - 1];
  };
  const meet = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
  const holds = (a, b) => a[0] <= b[0] + 1 && a[1] <= b[1] + 1 && a[2] >= b[2] - 1 && a[3] >= b[3] - 1;
  const box = (each) => { const r = each.getBBox(); return [r.x, r.y, r.x + r.width, r.y + r.height]; };
  const filled = (each) => (each.getAttribute("fill") || "none") !== "none" && !each.getAttribute("opacity");
  const points = (each, step) => {
    if (each.along) return each.along;
    const long = each.getTotalLength(), found = [];
    for (let at = 0; at <= long; at += step) { const p = each.getPointAtLength(at); found.push([p.x, p.y]); }
    return (each.along = found);
  };
  // Where a line runs, a point every three pixels; of a rectangle its border.
  const along = (line) => {
    if (line.kind !== "rect") return points(line.each, 3);
    const [x, y, right, low] = line.box, found = [];
    for (let at = x; at <= right; at += 3) found.push([at, y], [at, low]);
    for (let at = y; at <= low; at += 3) found.push([x, at], [right, at]);
    return found;
  };
  const items = drawn.map((each, at) => ({ each, at, kind: each.tagName, box: box(each) }));
  const texts = items.filter((item) => item.kind === "text").map((item) => ({ ...item, room: letters(item.each) }));
  const lines = items.filter((item) => item.kind !== "text" && item.each.getAttribute("stroke") && !item.each.getAttribute("opacity"));
  const plates = items.filter((item) => item.kind !== "text" && filled(item.each));
  const name = (item) => item.each.textContent;
  const where = (item) => (item.each.closest("g") ? item.each.closest("g").getAttribute("class") : "") + " " + item.kind;
  const together = [], struck = [], outside = [];
  const width = svg.viewBox.baseVal.width, height = svg.viewBox.baseVal.height;
  texts.forEach((text, at) => {
    if (!holds([0, 0, width, height], text.room)) outside.push(name(text));
    for (const other of texts.slice(at + 1)) if (meet(text.room, other.room)) together.push([name(text), name(other)]);
    for (const line of lines) {
      if (!meet(line.box, text.room)) continue;
      const covered = plates.some((p) => p.at > line.at && p.at < text.at && holds(p.box, text.room));
      if (covered) continue;
      const on = along(line).some(([x, y]) => x > text.room[0] && x < text.room[2] && y > text.room[1] && y < text.room[3]);
      if (on) struck.push([name(text), where(line)]);
    }
    for (const plate of plates) {
      if (plate.at > text.at && meet(plate.box, text.room)) struck.push([name(text), "under " + where(plate)]);
    }
  });
  const arrows = [...svg.querySelectorAll("g.edge")].map((g) => points(g.querySelector("path"), 3).filter((_, at) => at % 3 === 0));
  const cut = (a, b, c, d) => {
    const side = (p, q, r) => Math.sign((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]));
    return side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0;
  };
  const boxes = [...svg.querySelectorAll("g.node")].map(box);  // what runs behind a box is not seen
  const seen = ([x, y]) => !boxes.some((each) => x > each[0] && x < each[2] && y > each[1] && y < each[3]);
  let crossings = 0;
  const hull = (all) => [Math.min(...all.map((p) => p[0])), Math.min(...all.map((p) => p[1])),
                         Math.max(...all.map((p) => p[0])), Math.max(...all.map((p) => p[1]))];
  const hulls = arrows.map(hull);
  arrows.forEach((one, at) => arrows.slice(at + 1).forEach((other, after) => {
    if (!meet(hulls[at], hulls[at + 1 + after])) return;
    for (let i = 1; i < one.length; i++)
      for (let j = 1; j < other.length; j++)
        if (cut(one[i - 1], one[i], other[j - 1], other[j]) && seen(one[i])) crossings++;
  }));
  // Lines that a plate lies on, and arrowheads that a box hides.
  const shaved = [], headless = [];
  for (const g of svg.querySelectorAll("g.edge")) {
    const [line, ...heads] = [...g.querySelectorAll("path")].map((each) => items.find((item) => item.each === each));
    const over = plates.filter((p) => p.kind === "rect" && p.at > line.at && !p.each.closest("g.node"));
    const inside = (p) => ([x, y]) => x > p.box[0] && x < p.box[2] && y > p.box[1] && y < p.box[3];
    for (const plate of over) if (points(line.each, 3).some(inside(plate))) shaved.push([g.dataset.label, where(plate)]);
    for (const head of heads) {
      const [x, y, right, low] = head.box;
      if (!seen([(x + right) / 2, (y + low) / 2])) headless.push(`${g.dataset.tail} to ${g.dataset.head}`);
    }
  }
  const sizes = texts.map((text) => parseFloat(text.each.getAttribute("font-size")));
  return { shaved, headless, together, struck, outside, crossings, width, height, smallest: Math.min(...sizes) };
}
