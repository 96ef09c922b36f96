/* Draws each chart of the start page from its own table, which stays behind it. Colours are those of the page. */
(() => {
  'use strict';

  if (!window.Chart) return;
  const charts = [];
  const style = () => getComputedStyle(document.documentElement);
  const probe = document.createElement('span');
  probe.hidden = true;
  document.body.append(probe);

  /** A custom property as a colour that canvas knows: light-dark() is resolved by an element. */
  const colour = (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };

  const draw = (figure) => {
    const table = figure.querySelector('table');
    const heads = [...table.tHead.rows[0].cells].slice(1).map((cell) => cell.textContent);
    const rows = [...table.tBodies[0].rows];
    const stacked = figure.dataset.kind === 'stacked';
    const ink = colour('--rx-soft');
    const line = colour('--rx-line');
    const axis = { stacked, ticks: { color: ink, maxRotation: 0, precision: 0 }, grid: { color: line } };
    const plot = document.createElement('div');
    plot.className = 'rx-plot';
    const canvas = document.createElement('canvas');
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', figure.querySelector('figcaption').textContent);
    plot.append(canvas);
    figure.querySelector('figcaption').after(plot);
    const chart = new window.Chart(canvas, {
      type: 'bar',
      data: {
        labels: rows.map((row) => row.cells[0].textContent),
        datasets: heads.map((label, at) => ({
          label,
          data: rows.map((row) => Number(row.cells[at + 1].dataset.value)),
          backgroundColor: colour(`--rx-chart-${(at % 7) + 1}`),
        })),
      },
      options: {
        animation: false,
        maintainAspectRatio: false,
        locale: document.documentElement.lang || undefined,
        font: { family: style().fontFamily },
        interaction: { mode: 'index', intersect: false },
        plugins: { legend: { display: heads.length > 1, position: 'bottom', labels: { color: ink, boxWidth: 12 } } },
        scales: { x: { ...axis, grid: { display: false } }, y: { ...axis, beginAtZero: true } },
      },
    });
    return { chart, plot };
  };

  const drawAll = () => {
    for (const { chart, plot } of charts.splice(0)) {
      chart.destroy();
      plot.remove();
    }
    charts.push(...[...document.querySelectorAll('.rx-chart')].map(draw));
  };

  for (const details of document.querySelectorAll('.rx-chart details')) details.open = false;
  drawAll();
  new MutationObserver(drawAll).observe(document.documentElement, { attributeFilter: ['data-theme'] });
  window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
})();
