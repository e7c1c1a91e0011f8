// Starts `ordain lsp` for YAML and KDL files of workspaces that hold an `ordain.yaml`.
const { commands, window, workspace } = require("vscode");
const { LanguageClient, TransportKind } = require("vscode-languageclient/node");

let client;

async function start() {
  const command = workspace.getConfiguration("ordain").get("path", "ordain");
  const server = { command, args: ["lsp"], transport: TransportKind.stdio };
  const selector = ["yaml", "kdl"].map((language) => ({ scheme: "file", language }));
  client = new LanguageClient("ordain", "Ordain", server, {
    documentSelector: selector,
    synchronize: { fileEvents: workspace.createFileSystemWatcher("**/*.{yaml,yml,kdl}") },
  });
  try {
    await client.start();
  } catch (error) {
    window.showErrorMessage(`\`${command} lsp\` cannot be started: ${error.message}. Set \`ordain.path\`.`);
  }
}

async function restart() {
  await client?.stop();
  await start();
}

exports.activate = async (context) => {
  context.subscriptions.push(commands.registerCommand("ordain.restart", restart));
  await start();
};

exports.deactivate = () => client?.stop();
