"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const statuses = Object.keys(data.statuses);
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const make = (name, properties = {}, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };

  // ---- sorting: a heading becomes a button ----
  function sortable(table, sort) {
    $$("th", table).forEach((heading, column) => {
      const button = make("button", { type: "button" }, ...heading.childNodes);
      heading.replaceChildren(button);
      button.addEventListener("click", () => {
        const up = heading.getAttribute("aria-sort") !== "ascending";
        $$("th", table).forEach((other) => other.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", up ? "ascending" : "descending");
        sort(column, up ? 1 : -1);
      });
    });
  }
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : collator.compare(String(a), String(b));
  for (const table of $$("table")) {
    sortable(table, (column, direction) => {
      const key = (row) => {
        const cell = row.cells[column];
        if (!cell) return null; // nothing is known of this host: last in both directions
        const text = cell.dataset.k ?? cell.textContent;
        return text !== "" && !Number.isNaN(Number(text)) ? Number(text) : text;
      };
      const rows = [...table.tBodies[0].rows].map((row) => [key(row), row]);
      rows.sort(([a], [b]) => (a === null) - (b === null) || direction * compare(a, b));
      table.tBodies[0].append(...rows.map((pair) => pair[1]));
    });
  }

  // ---- the table of VMs, of which only the first rows are in the page ----
  const PAGE = 100;
  const [HOST, NAME, STATUS, STATE, NESTS, LEVEL, CPUS, BYTES, MEMORY, NETWORK, VERSION, RULES] = Array(12).keys();
  const columns = [
    ["VM", (vm) => make("bdi", {}, vm[NAME]), (vm) => vm[NAME]],
    ["Host", (vm) => make("a", { href: `#h${vm[HOST]}` }, make("bdi", {}, data.hosts[vm[HOST]])), (vm) => data.hosts[vm[HOST]]],
    ["Status", (vm) => badge(statuses[vm[STATUS]]), (vm) => vm[STATUS]],
    ["State", (vm) => make("span", { class: `state ${vm[STATE]}` }, vm[STATE]), (vm) => vm[STATE]],
    ["Level", (vm) => `L${vm[LEVEL]}`, (vm) => vm[LEVEL]],
    ["Nesting", (vm) => (vm[NESTS] ? make("span", { class: "chip nesting" }, "nesting") : "off"), (vm) => -vm[NESTS]],
    ["CPUs", (vm) => String(vm[CPUS]), (vm) => vm[CPUS]],
    ["Memory", (vm) => vm[MEMORY], (vm) => vm[BYTES]],
    ["Network", (vm) => make("bdi", {}, vm[NETWORK]), (vm) => vm[NETWORK]],
    ["Version", (vm) => vm[VERSION], (vm) => Number(vm[VERSION]) || 0],
  ];
  const badge = (status) => make("span", { class: `badge ${status}` }, data.statuses[status]);
  let limit = PAGE;
  let shown = data.vms;
  let order = null;
  const body = make("tbody", { role: "rowgroup" });
  const headings = columns.map(([name]) => make("th", { scope: "col", role: "columnheader" }, name));
  const vmTable = make(
    "table",
    { class: "cards vm-rows", role: "table", "aria-labelledby": "vms" },
    make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, ...headings)),
    body,
  );
  const more = make("button", { type: "button", class: "plain", id: "more" });
  $("#vm-table").append(vmTable, more);
  function draw() {
    const rows = order ? [...shown].sort((a, b) => order.direction * compare(order.key(a), order.key(b))) : shown;
    body.replaceChildren(
      ...rows.slice(0, limit).map((vm) =>
        make(
          "tr",
          { role: "row", class: `s-${statuses[vm[STATUS]]}` },
          ...columns.map(([name, content]) => make("td", { role: "cell", "data-l": name }, content(vm))),
        ),
      ),
    );
    more.hidden = rows.length <= limit;
    more.textContent = `Show ${Math.min(PAGE, rows.length - limit)} more of ${rows.length}`;
  }
  sortable(vmTable, (column, direction) => {
    order = { key: columns[column][2], direction };
    draw();
  });
  more.addEventListener("click", () => {
    const next = body.rows.length;
    limit += PAGE;
    draw();
    const link = body.rows[next] && $("a", body.rows[next]);
    if (link) link.focus();
  });

  // ---- filters: one for the whole page ----
  const text = $("#text");
  const nesting = $("#nesting");
  const buttons = $$(".controls [data-status]");
  const pressed = (button) => button.getAttribute("aria-pressed") === "true";
  const haystacks = new Map(); // number of a host: its words, and those of its VMs
  const nested = new Set();
  for (const vm of data.vms) {
    vm.words = `${vm[NAME]} ${data.hosts[vm[HOST]]} ${vm[STATE]} ${vm[NETWORK]} ${vm[RULES]}`.toLowerCase();
    haystacks.set(vm[HOST], `${haystacks.get(vm[HOST]) ?? ""} ${vm.words}`);
    if (vm[NESTS]) nested.add(vm[HOST]);
  }
  const hostRows = $$(".hosts tbody tr");
  const findingRows = $$(".findings tbody tr");
  const cards = $$("#cards > details");
  const cardOf = new Map(cards.flatMap((card) => card.dataset.h.split(" ").map((host) => [Number(host), card])));
  for (const row of hostRows) {
    row.number = Number(row.dataset.h);
    row.words = `${row.textContent} ${haystacks.get(row.number) ?? ""}`.toLowerCase();
  }
  for (const row of findingRows) row.words = row.textContent.toLowerCase();
  const statusOf = (row) => /s-(\w+)/.exec(row.className)[1];

  function filter() {
    const needle = text.value.trim().toLowerCase();
    const wanted = new Set(buttons.filter(pressed).map((button) => button.dataset.status));
    const passes = (row, status) => (!wanted.size || wanted.has(status)) && row.words.includes(needle);
    const visible = new Set();
    for (const row of hostRows) {
      row.hidden = !passes(row, statusOf(row)) || (pressed(nesting) && !nested.has(row.number));
      if (!row.hidden) visible.add(cardOf.get(row.number));
    }
    for (const card of cards) card.hidden = !visible.has(card);
    for (const row of findingRows) row.hidden = !passes(row, statusOf(row));
    shown = data.vms.filter((vm) => passes(vm, statuses[vm[STATUS]]) && (!pressed(nesting) || vm[NESTS]));
    limit = PAGE;
    draw();
    const hosts = hostRows.filter((row) => !row.hidden).length;
    $("#count").textContent = `${hosts} of ${hostRows.length} hosts, ${shown.length} of ${data.vms.length} VMs`;
  }
  text.addEventListener("input", filter);
  const toggle = (button) => {
    button.setAttribute("aria-pressed", String(!pressed(button)));
    filter();
  };
  for (const button of [...buttons, nesting]) button.addEventListener("click", () => toggle(button));
  for (const link of $$(".tiles [data-status]")) {
    link.addEventListener("click", () => {
      for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.status === link.dataset.status));
      filter();
    });
  }

  // ---- pictures: opened by links and for printing ----
  const all = $("#toggle");
  const name = () => (all.textContent = cards.some((card) => card.open) ? "Collapse all" : "Expand all");
  all.addEventListener("click", () => {
    const open = !cards.some((card) => card.open);
    for (const card of cards) card.open = open;
  });
  $("#cards").addEventListener("toggle", name, true);
  function follow() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let element = target; element; element = element.parentElement) {
      if (element.tagName === "DETAILS") element.open = true;
    }
    if (target) target.scrollIntoView();
  }
  addEventListener("hashchange", follow);
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = $$("details:not([open])");
    for (const details of closed) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of closed) details.open = false;
  });

  $("#no-script").remove();
  $(".controls").hidden = false;
  name();
  filter();
  if (location.hash) follow();
})();
