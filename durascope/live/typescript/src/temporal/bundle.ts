/** Bundles the workflow code once, so that no worker has to. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundleWorkflowCode, DefaultLogger } from "@temporalio/worker";

bundleWorkflowCode({ workflowsPath: join(__dirname, "workflows.js"), logger: new DefaultLogger("WARN") }).then(({ code }) =>
  writeFileSync(join(__dirname, "workflow-bundle.js"), code),
);
