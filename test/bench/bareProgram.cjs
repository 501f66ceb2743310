/** The least that a program can do for so many resources: the bare SDK, and inputs that are known. They stand in the file BARE_RESOURCES. */
const { readFileSync } = require('node:fs');
const { ComponentResource, CustomResource } = require('@pulumi/pulumi');

for (const { type, name, custom, inputs } of JSON.parse(readFileSync(process.env.BARE_RESOURCES, 'utf8'))) {
  if (custom) new CustomResource(type, name, inputs);
  else new ComponentResource(type, name);
}
