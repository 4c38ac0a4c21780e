/* The diagnostics beside the picture: figures that came with the scene, dressed in the current theme. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const CONFIG = { displayModeBar: false, responsive: true, showSendToCloud: false };

  /** The one number a panel's title carries: the first three components'. */
  const merits = {
    spectrum: ({ diagnostics }) => {
      const imaginary = diagnostics.signature.filter((sign) => sign < 0).length;
      return `${imaginary} of ${diagnostics.signature.length} imaginary`;
    },
    "explained-stress": ({ diagnostics }) => topThree(diagnostics.explained_stress),
    "explained-variance": ({ diagnostics }) => topThree(diagnostics.explained_variance),
  };

  const topThree = (values) => {
    const k = Math.min(3, values.length);
    return `top ${k}: ${values[k - 1].toFixed(3)}`;
  };

  inpca.clearPanels = () => {
    for (const name of Object.keys(merits)) {
      const element = document.getElementById(name);
      if (element._fullLayout) Plotly.purge(element);
      document.querySelector(`[data-merit="${name}"]`).textContent = "";
    }
  };

  inpca.drawPanels = (scene, style, theme) => {
    for (const [name, figure] of Object.entries(scene.panels)) {
      const element = document.getElementById(name);
      Plotly.react(element, figure.data, { ...figure.layout, template: style.templates[theme] }, CONFIG);
      document.querySelector(`[data-merit="${name}"]`).textContent = merits[name](scene);
    }
  };
})();
