/** The worker's entry. */

import { engine } from "./engine.ts";
import { problemOf } from "./problem.ts";
import { serve, type Scope } from "./serve.ts";

const scope = self as unknown as Scope;
serve(scope, (ask) => engine(ask, (known) => scope.postMessage({ known })), problemOf);
