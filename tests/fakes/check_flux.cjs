// Check Flux scripts with Flux's own language server: {name: script} on stdin, {name: [message, …]} on stdout.
const { Lsp } = require(process.argv[2]);

async function main() {
  const scripts = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
  const found = {};
  const server = new Lsp();
  server.onMessage((message) => {
    const { method, params } = JSON.parse(message);
    if (method === "textDocument/publishDiagnostics")
      found[params.uri.slice("file:///".length, -".flux".length)] = params.diagnostics.map((each) => each.message);
  });
  server.run();
  const send = (message) => server.send(JSON.stringify({ jsonrpc: "2.0", ...message }));
  await send({ id: 1, method: "initialize", params: { capabilities: {} } });
  await send({ method: "initialized", params: {} });
  for (const [name, text] of Object.entries(scripts)) {
    const textDocument = { uri: `file:///${name}.flux`, languageId: "flux", version: 1, text };
    await send({ method: "textDocument/didOpen", params: { textDocument } });
  }
  while (Object.keys(found).length < Object.keys(scripts).length) await new Promise((wake) => setTimeout(wake, 20));
  process.stdout.write(JSON.stringify(found));
  process.exit(0);
}

main();
