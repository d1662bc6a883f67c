// The viewers of a page: one zoom for all pictures of a viewer, a slider between two of them, and,
// where there are several viewers, links that choose which one is shown.
"use strict";

const LARGEST_ZOOM = 32;

class Viewer {
  constructor(section) {
    this.section = section;
    this.figures = [...section.querySelectorAll("figure")];
    this.stage = section.querySelector(".stage");
    this.position = section.querySelector(".position");
    this.choices = [...section.querySelectorAll("select")];
    const picture = section.querySelector(".picture");
    this.width = Number(picture.getAttribute("width"));
    this.height = Number(picture.getAttribute("height"));
    // What lies in the middle of all panes, in pixels of the picture. A zoom of null fits the pane.
    this.view = { zoom: null, x: this.width / 2, y: this.height / 2 };
    this.mode = "slider";
    this.gridSeen = false;

    section.classList.add("live");
    for (const part of [".tools", ".hint"]) section.querySelector(part).hidden = false;
    section.style.setProperty("--aspect", this.width / this.height);
    this.chooseFigures();
    this.listen();
    this.setMode("slider");
  }

  chooseFigures() {
    this.choices.forEach((select, side) => {
      for (const figure of this.figures) select.add(new Option(figure.dataset.name));
      select.selectedIndex = Math.min(side, this.figures.length - 1);
      select.addEventListener("change", () => this.fillStage());
    });
    this.fillStage();
  }

  fillStage() {
    const halves = this.stage.querySelectorAll(".half");
    const names = this.stage.querySelectorAll(".name");
    const captions = this.section.querySelector(".captions");
    captions.replaceChildren();
    this.choices.forEach((select, side) => {
      const figure = this.figures[select.selectedIndex];
      const images = [...figure.querySelectorAll("img")].map((image) => image.cloneNode());
      halves[side].replaceChildren(...images);
      names[side].textContent = figure.dataset.name;
      const caption = document.createElement("div");
      caption.innerHTML = figure.querySelector("figcaption").innerHTML;
      captions.append(caption);
    });
    this.draw();
  }

  listen() {
    for (const button of this.section.querySelectorAll("[data-mode]"))
      button.addEventListener("click", () => this.setMode(button.dataset.mode));
    for (const button of this.section.querySelectorAll("[data-zoom]"))
      button.addEventListener("click", () => this.zoomBy(button.dataset.zoom, this.shownPane()));
    this.position.addEventListener("input", () => this.setSplit(this.position.value));
    for (const pane of this.section.querySelectorAll(".pane")) this.listenTo(pane);
    new ResizeObserver(() => this.draw()).observe(this.section);
  }

  listenTo(pane) {
    const pointers = new Map();
    let splitting = false;
    const at = (event) => {
      const box = pane.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    pane.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      pane.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, at(event));
      const onSplit = event.target.classList.contains("split");
      splitting = pane === this.stage && pointers.size === 1 && (onSplit || !this.moves(pane));
      if (splitting) this.splitAt(at(event).x);
    });
    pane.addEventListener("pointermove", (event) => {
      const before = pointers.get(event.pointerId);
      if (!before) return;
      const now = at(event);
      const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
      pointers.set(event.pointerId, now);
      if (other) this.pinch(pane, before, now, other);
      else if (splitting) this.splitAt(now.x);
      else this.pan(pane, before.x - now.x, before.y - now.y);
    });
    for (const end of ["pointerup", "pointercancel"])
      pane.addEventListener(end, (event) => pointers.delete(event.pointerId));
    pane.addEventListener("dblclick", (event) => {
      if (!event.target.classList.contains("split"))
        this.zoomTo(pane, 2 * this.scale(pane), at(event));
    });
    pane.addEventListener("wheel", (event) => {
      // Without Ctrl the wheel scrolls the page; pinching a touchpad counts as Ctrl.
      if (!event.ctrlKey) return;
      event.preventDefault();
      this.zoomTo(pane, this.scale(pane) * 2 ** (-event.deltaY / 200), at(event));
    }, { passive: false });
    pane.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const step = Math.min(pane.clientWidth, pane.clientHeight) / 5;
      const pans = {
        ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step],
      };
      const zooms = { "+": "in", "=": "in", "-": "out", 0: "fit", 1: "one" };
      if (event.key in pans && this.moves(pane)) this.pan(pane, ...pans[event.key]);
      else if (event.key in zooms) this.zoomBy(zooms[event.key], pane);
      else return;
      event.preventDefault();
    });
  }

  setMode(mode) {
    this.mode = mode;
    for (const button of this.section.querySelectorAll("[data-mode]"))
      button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
    this.section.querySelector(".slider").hidden = mode !== "slider";
    this.section.querySelector(".choice").hidden = mode !== "slider";
    this.section.querySelector(".grid").hidden = mode !== "grid";
    if (mode === "grid" && !this.gridSeen && this.view.zoom === null) {
      // Small pictures of the whole tell little: begin with the detail that is hardest to code.
      this.view = { zoom: 1, x: Number(this.section.dataset.x), y: Number(this.section.dataset.y) };
    }
    this.gridSeen ||= mode === "grid";
    this.draw();
  }

  splitAt(x) {
    this.setSplit((100 * x) / this.stage.clientWidth);
  }

  setSplit(percent) {
    const value = Math.min(Math.max(Number(percent), 0), 100);
    this.position.value = value;
    this.stage.style.setProperty("--split", `${value}%`);
  }

  shownPane() {
    return this.mode === "slider" ? this.stage : this.figures[0].querySelector(".pane");
  }

  // The zoom at which all of the picture is in the pane; pixels that show are enlarged evenly.
  fit(pane) {
    const fit = Math.min(pane.clientWidth / this.width, pane.clientHeight / this.height);
    return fit > 2 ? Math.floor(fit) : fit;
  }

  scale(pane) {
    return this.view.zoom ?? this.fit(pane);
  }

  // Whether some of the picture is out of the pane.
  moves(pane) {
    const scale = this.scale(pane);
    return this.width * scale > pane.clientWidth + 1 || this.height * scale > pane.clientHeight + 1;
  }

  // The middle of the pane in pixels of the picture, so that no more than needed of it is empty.
  middle(pane) {
    const scale = this.scale(pane);
    const inside = (value, size, length) => {
      const margin = length / scale / 2;
      return 2 * margin >= size ? size / 2 : Math.min(Math.max(value, margin), size - margin);
    };
    return {
      x: inside(this.view.x, this.width, pane.clientWidth),
      y: inside(this.view.y, this.height, pane.clientHeight),
    };
  }

  pan(pane, dx, dy) {
    const { x, y } = this.middle(pane);
    const scale = this.scale(pane);
    Object.assign(this.view, { x: x + dx / scale, y: y + dy / scale });
    Object.assign(this.view, this.middle(pane));
    this.draw();
  }

  // Zoom so that what is under a point of the pane stays there.
  zoomTo(pane, zoom, point) {
    const { x, y } = this.middle(pane);
    const before = this.scale(pane);
    const fit = this.fit(pane);
    const after = Math.min(Math.max(zoom, fit), Math.max(LARGEST_ZOOM, fit));
    const [dx, dy] = [point.x - pane.clientWidth / 2, point.y - pane.clientHeight / 2];
    this.view = {
      zoom: after === fit ? null : after,
      x: x + dx / before - dx / after,
      y: y + dy / before - dy / after,
    };
    Object.assign(this.view, this.middle(pane));
    this.draw();
  }

  zoomBy(way, pane) {
    const scale = this.scale(pane);
    const wanted = { in: 2 * scale, out: scale / 2, fit: 0, one: 1 }[way];
    this.zoomTo(pane, wanted, { x: pane.clientWidth / 2, y: pane.clientHeight / 2 });
  }

  pinch(pane, before, now, other) {
    const distance = (point) => Math.hypot(point.x - other.x, point.y - other.y);
    const middle = { x: (before.x + other.x) / 2, y: (before.y + other.y) / 2 };
    this.pan(pane, (before.x - now.x) / 2, (before.y - now.y) / 2);
    this.zoomTo(pane, this.scale(pane) * (distance(now) / Math.max(distance(before), 1)), middle);
  }

  draw() {
    const panes = this.mode === "slider" ? [this.stage]
      : this.figures.map((figure) => figure.querySelector(".pane"));
    for (const pane of panes) {
      if (!pane.clientWidth) continue;
      const scale = this.scale(pane);
      const { x, y } = this.middle(pane);
      const left = Math.round(pane.clientWidth / 2 - x * scale);
      const top = Math.round(pane.clientHeight / 2 - y * scale);
      pane.classList.toggle("moved", this.moves(pane));
      pane.classList.toggle("magnified", scale * devicePixelRatio >= 2);
      for (const image of pane.querySelectorAll("img"))
        image.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
    }
    const pane = this.shownPane();
    if (pane.clientWidth)
      this.section.querySelector("output").textContent = `${Math.round(100 * this.scale(pane))} %`;
  }
}

const viewers = [...document.querySelectorAll(".viewer")].map((section) => new Viewer(section));
const links = [...document.querySelectorAll(".chooser a")];

function choose(id) {
  const found = viewers.find((viewer) => viewer.section.id === id) ?? viewers[0];
  for (const viewer of viewers) viewer.section.hidden = viewer !== found;
  for (const link of links)
    if (link.hash === `#${found.section.id}`) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
}

if (links.length) {
  choose(location.hash.slice(1));
  for (const link of links)
    link.addEventListener("click", (event) => {
      event.preventDefault();
      history.replaceState(null, "", link.hash);
      choose(link.hash.slice(1));
    });
}
