// Asks for the settings and the first view's data while the page's program is still on its way.
(() => {
  const options = { cache: "no-cache" };
  const site = fetch("site.json", options).then((answer) => (answer.ok ? answer.json() : {}));
  const address = site.then(({ address }) => (typeof address === "string" ? address : "api/"));
  const first = address.then((at) => {
    const url = `${at}page.py?name=live/summary&name=live/recent`;
    return fetch(url, options).then((answer) => ({ url, answer }));
  });
  // Whoever takes them sees the errors.
  site.catch(() => {});
  first.catch(() => {});
  window.jobmonBoot = { site, first };
})();
