import { bandwidthOrUnlimited, countOrUnlimited, rateOrUnlimited } from './scalars.ts';
import { section } from './section.ts';

/** Open connections of all clients: each takes memory before it has asked for anything. */
const MAX_CONNECTIONS = 10_000;

const useShape = (connections: number | 'unlimited') => ({
  connections: countOrUnlimited.prefault(connections).describe('Open at once.'),
  requests: rateOrUnlimited
    .prefault('unlimited')
    .describe('Requests, in bursts of up to a second; more are answered 429.'),
  bandwidth: bandwidthOrUnlimited.prefault('unlimited').describe('Of the content that is sent.'),
  uploads: countOrUnlimited
    .prefault('unlimited')
    .describe('Requests at once that bring content; more are answered 429.'),
});

const use = 'a map with connections, requests, bandwidth and uploads';

export const limitsSchema = section('a map with total and perClient', {
  total: section(use, useShape(MAX_CONNECTIONS)).prefault({}).describe('What all clients may use together.'),
  perClient: section(use, useShape('unlimited'))
    .prefault({})
    .describe('What one client may use: an address, or a /64 of IPv6. Of a trusted proxy, the client behind it.'),
});
