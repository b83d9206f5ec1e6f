"use strict";
// Filter, sort and page the table of candidates. Without this script every row is there.
(() => {
  const SIZE = 50;
  const table = document.getElementById("candidates");
  const tools = document.getElementById("tools");
  const nav = document.getElementById("pages");
  const field = (name) => document.getElementById(name);
  const all = [...table.tBodies].map((body, place) => {
    const cells = body.rows[0].cells;
    const texts = [...cells].map((cell) => cell.textContent);
    const label = cells[2].className;
    return { body, texts, place, label, words: `${texts[1]} ${texts[4]}`.toLowerCase() };
  });
  let shown = all, page = 0, sort = { column: -1, up: true };

  const number = (text) => {
    const value = parseFloat(text.replace("−", "-"));
    return Number.isNaN(value) ? null : value;
  };

  const compare = (kind) => (a, b) => {
    const [x, y] = [a.texts[sort.column], b.texts[sort.column]];
    if (kind === "text") {
      return (sort.up ? 1 : -1) * x.localeCompare(y, undefined, { numeric: true }) ||
        a.place - b.place;
    }
    const [m, n] = [number(x), number(y)];
    // What is not known comes last, however it is sorted.
    if (m === null || n === null) return (m === null) - (n === null) || a.place - b.place;
    return (sort.up ? m - n : n - m) || a.place - b.place;
  };

  const open = (row, wanted) => {
    row.body.classList.toggle("open", wanted);
    row.body.querySelector("details").open = wanted;
    row.body.querySelector("th button").setAttribute("aria-expanded", wanted);
  };

  const dress = (row) => {
    if (row.dressed) return;
    row.dressed = true;
    const head = row.body.rows[0].cells[1];
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-expanded", "false");
    button.append(...head.childNodes);
    head.append(button);
    row.body.rows[0].addEventListener("click", (event) => {
      if (event.target.closest("a")) return;
      open(row, !row.body.classList.contains("open"));
    });
  };

  const draw = (rows) => {
    for (const body of [...table.tBodies]) body.remove();
    rows.forEach(dress);
    table.append(...rows.map((row) => row.body));
  };

  const turn = (step) => {
    const pages = Math.max(Math.ceil(shown.length / SIZE), 1);
    page = Math.min(Math.max(page + step, 0), pages - 1);
    draw(shown.slice(page * SIZE, (page + 1) * SIZE));
    nav.hidden = pages === 1;
    nav.querySelector("span").textContent = `${page + 1} of ${pages}`;
    nav.querySelector("[data-step='-1']").disabled = page === 0;
    nav.querySelector("[data-step='1']").disabled = page === pages - 1;
  };

  const choose = () => {
    const words = field("find").value.trim().toLowerCase();
    const label = field("label").value;
    const least = Number(field("least").value) || 0;
    const wide = Number(field("wide").value) || 0;
    const plain = field("flagged").checked;
    shown = all.filter((row) =>
      (!words || row.words.includes(words)) &&
      (!label || row.label === label) &&
      (!least || (number(row.texts[3]) ?? -1) >= least) &&
      (!wide || (number(row.texts[5]) ?? -1) >= wide) &&
      (!plain || !row.texts[8]));
    if (sort.column >= 0) {
      shown.sort(compare(table.tHead.rows[0].cells[sort.column].dataset.sort));
    }
    page = 0;
    field("count").textContent = shown.length === all.length
      ? `${all.length} candidates` : `${shown.length} of ${all.length} candidates`;
    turn(0);
  };

  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    if (!head.dataset.sort) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const first = head.dataset.sort === "text" || column > 3;
      sort = { column, up: sort.column === column ? !sort.up : first };
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", sort.up ? "ascending" : "descending");
      choose();
    });
  });

  for (const [step, words] of [[-1, "Previous"], [1, "Next"]]) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.step = step;
    button.textContent = words;
    button.addEventListener("click", () => {
      turn(step);
      table.scrollIntoView();
    });
    nav.append(button);
    if (step < 0) nav.append(document.createElement("span"));
  }

  // An address that names a candidate opens it.
  const visit = () => {
    const row = all.find((own) => `#${own.body.id}` === location.hash);
    if (!row) return;
    if (!shown.includes(row)) {
      tools.reset();
      choose();
    }
    page = Math.floor(shown.indexOf(row) / SIZE);
    turn(0);
    open(row, true);
    row.body.scrollIntoView();
  };

  tools.hidden = false;
  tools.addEventListener("input", choose);
  tools.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", visit);
  // On paper there are no pages to turn.
  addEventListener("beforeprint", () => draw(shown));
  addEventListener("afterprint", () => turn(0));
  choose();
  table.classList.add("ready");
  visit();
})();
