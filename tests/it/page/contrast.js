(() => {
  const parse = (text) => {
    const parts = (text.match(/[\d.]+/g) || []).map(Number);
    return parts.length < 3 ? null : [parts[0], parts[1], parts[2], parts.length > 3 ? parts[3] : 1];
  };
  const over = (top, below) => [0, 1, 2].map((n) => top[n] * top[3] + below[n] * (1 - top[3])).concat(1);
  const light = (color) => {
    const [r, g, b] = color.map((part) => part / 255).map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paint = (element) => {
    const style = getComputedStyle(element);
    if (!(element instanceof SVGElement) || element.tagName === "svg") return parse(style.backgroundColor);
    if (style.fill !== "none" && element.tagName !== "g") return parse(style.fill);
    return style.stroke === "none" ? null : parse(style.stroke);
  };
  const faults = [];
  let count = 0;
  for (const text of document.querySelectorAll("svg text, span.sign, span.to")) {
    if (text.getBoundingClientRect().width === 0) continue;
    for (const one of text.querySelector("tspan") ? text.querySelectorAll("tspan") : [text]) {
      one.scrollIntoView({block: "center", inline: "center"});
      const box = one.getBoundingClientRect();
      const style = getComputedStyle(one);
      const ink = parse(one instanceof SVGElement ? style.fill : style.color);
      const y = box.top + box.height / 2;
      for (const part of [0.05, 0.5, 0.95]) {
        const halo = style.stroke !== "none" && style.paintOrder.startsWith("stroke");
        const stack = document.elementsFromPoint(box.left + box.width * part, y).filter((element) => element !== one && !element.closest("text"));
        const colors = stack.map(paint).filter((color) => color !== null && color[3] > 0);
        if (halo) colors.unshift(parse(style.stroke));
        const solid = colors.findIndex((color) => color[3] === 1);
        const back = colors.slice(0, solid).reduceRight((below, color) => over(color, below), colors[solid]);
        const [more, less] = [light(over(ink, back)), light(back)].sort((a, b) => b - a);
        const ratio = (more + 0.05) / (less + 0.05);
        count += 1;
        if (ratio < 4.5) faults.push(one.textContent + ": " + ratio.toFixed(2) + " " + style.fill + " on " + back);
      }
    }
  }
  return {count, faults};
})()
