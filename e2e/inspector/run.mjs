// Runs one scenario: `node run.mjs NAME`, with what it needs to know as JSON in INSPECTOR_WORLD.
import * as scenarios from "./scenarios.mjs";

const [name] = process.argv.slice(2);
const scenario = scenarios[name];
if (!scenario) {
  console.error(`There is no scenario ${name}.`);
  process.exit(2);
}
await scenario(JSON.parse(process.env.INSPECTOR_WORLD));
