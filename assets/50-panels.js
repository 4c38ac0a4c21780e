/*
 * Charts about the components, dressed in the current theme. Those that came with the scene are drawn with it; what is
 * known of further components (82-closer-look.js) takes their place.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const CONFIG = { displayModeBar: false, showSendToCloud: false };
  const PALE = 0.4;

  /** The one number a panel's title carries: the first three components'. */
  const merits = {
    spectrum: (scene) => {
      const traces = panelsOf(scene).spectrum.data;
      const count = (chosen) => chosen.reduce((sum, { x }) => sum + x.length, 0);
      return `${count(traces.filter(({ name }) => name === "imaginary"))} of ${count(traces)} imaginary`;
    },
    "explained-stress": ({ diagnostics }) => topThree(diagnostics.explained_stress),
    "explained-variance": ({ diagnostics }) => topThree(diagnostics.explained_variance),
    "explained-distance": ({ diagnostics }) => topThree(diagnostics.explained_distance),
  };

  const panelsOf = (scene) => scene.closer?.panels || scene.panels;

  const topThree = (values) => {
    const k = Math.min(3, values.length);
    return k && values[k - 1] !== null ? `top ${k}: ${values[k - 1].toFixed(3)}` : "";
  };

  const byId = (id) => document.getElementById(id);

  inpca.setMerit = (name, text) => {
    document.querySelector(`[data-merit="${name}"]`).textContent = text;
  };

  /** Whether a panel takes up room: drawn without any, plotly would invent a size. */
  inpca.isVisible = (element) => element.offsetParent !== null && element.clientHeight > 0;

  /** Draw a figure into a panel, if it can be seen; false if not. listeners: {plotly event: listener}, attached once. */
  inpca.drawChart = (element, figure, template, listeners = {}) => {
    if (!inpca.isVisible(element)) return false;
    const isFirst = !element._fullLayout;
    Plotly.react(element, figure.data, { ...figure.layout, dragmode: false, template }, CONFIG);
    if (isFirst) for (const [event, listener] of Object.entries(listeners)) element.on(event, listener);
    return true;
  };

  inpca.clearChart = (element) => {
    if (element._fullLayout) Plotly.purge(element);
  };

  inpca.clearPanels = () => {
    for (const name of Object.keys(merits)) {
      inpca.clearChart(byId(name));
      inpca.setMerit(name, "");
    }
  };

  /** Panels of the components of a scene; scene.closer.panels are the same with more of them. */
  inpca.drawPanels = (scene, style, theme) => {
    if (!scene.panels) return;
    for (const [name, figure] of Object.entries(panelsOf(scene))) {
      if (name === "spectrum") inpca.drawSpectrum(scene, style, theme);
      else inpca.drawChart(byId(name), figure, style.templates[theme]);
      inpca.setMerit(name, merits[name](scene));
    }
  };

  inpca.drawSpectrum = (scene, style, theme) => {
    const figure = withAxes(panelsOf(scene).spectrum, scene, inpca.state.axes, style.surfaces[theme].ink);
    inpca.drawChart(byId("spectrum"), figure, style.templates[theme], { plotly_click: onBar });
  };

  const onBar = (event) => inpca.putOnAxis?.(event.points[0].x);

  /** The spectrum with the letters of the axes over the components they show; bars without coordinates are pale. */
  const withAxes = (figure, scene, axes, color) => {
    const heights = new Map(figure.data.flatMap(({ x, y }) => x.map((component, index) => [component, y[index]])));
    const bars = figure.data.map((trace) => ({
      ...trace,
      marker: { ...trace.marker, opacity: trace.x.map((component) => (component <= scene.n_components ? 1 : PALE)) },
    }));
    const drawn = axes.map((component, index) => ({ component, letter: "xyz"[index] })).filter(({ component }) => heights.has(component));
    // Bars are narrower than letters: beside another one a letter stands to the right of its bar.
    const isBeside = ({ component }) => axes.includes(component - 1);
    const letters = {
      type: "scatter",
      mode: "text",
      x: drawn.map(({ component }) => component),
      y: drawn.map(({ component }) => heights.get(component)),
      text: drawn.map(({ letter }) => `<b>${letter}</b>`),
      textposition: drawn.map((entry) => (isBeside(entry) ? "top right" : "top center")),
      textfont: { size: 10, color },
      cliponaxis: false,
      hoverinfo: "skip",
      showlegend: false,
    };
    return { data: [...bars, letters], layout: figure.layout };
  };
})();
