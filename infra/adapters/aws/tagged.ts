/** What an account holds by tag, as the Resource Groups Tagging API tells it, and what time AWS has. */
import {
  GetResourcesCommand,
  ResourceGroupsTaggingAPIClient,
  type GetResourcesCommandInput,
} from '@aws-sdk/client-resource-groups-tagging-api';
import { PROJECT, TAGS } from '../../naming';
import { awsCall, clientOptions } from './clients';

/** Most that one call answers. */
const PAGE = 100;

export interface TaggedResource {
  arn: string;
  tags: Readonly<Record<string, string>>;
}

export interface TaggedResources {
  resources: readonly TaggedResource[];
  /** Milliseconds since 1970 by AWS's own clock, from its answer; undefined where a proxy took the header away. */
  awsTimeMs: number | undefined;
}

/**
 * Every resource of this project in one region, or of one stack of it.
 * @param stack name of the stack; every stack's where undefined
 * @throws OperatorError where AWS refuses or cannot be reached
 */
export async function taggedResources(region: string, stack?: string): Promise<TaggedResources> {
  const client = new ResourceGroupsTaggingAPIClient(clientOptions(region));
  let awsTimeMs: number | undefined;
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const { headers } = result.response as { headers?: Record<string, string> };
      const date = Date.parse(headers?.['date'] ?? '');
      if (!Number.isNaN(date)) awsTimeMs = date;
      return result;
    },
    { step: 'deserialize', name: 'qbenchClock', priority: 'low' },
  );
  const filters: GetResourcesCommandInput['TagFilters'] = [
    { Key: TAGS.project, Values: [PROJECT] },
    ...(stack === undefined ? [] : [{ Key: TAGS.stack, Values: [stack] }]),
  ];
  const resources: TaggedResource[] = [];
  try {
    let token: string | undefined;
    do {
      const page = await awsCall('listing resources by their tags', 'tag:GetResources', () =>
        client.send(
          new GetResourcesCommand({
            TagFilters: filters,
            ResourcesPerPage: PAGE,
            ...(token === undefined ? {} : { PaginationToken: token }),
          }),
        ),
      );
      for (const { ResourceARN: arn, Tags: tags = [] } of page.ResourceTagMappingList ?? []) {
        if (arn === undefined) continue;
        resources.push({ arn, tags: Object.fromEntries(tags.map(({ Key = '', Value = '' }) => [Key, Value])) });
      }
      token = page.PaginationToken === '' ? undefined : page.PaginationToken;
    } while (token !== undefined);
  } finally {
    client.destroy();
  }
  return { resources, awsTimeMs };
}
