// The one door to @peculiar/x509: its dependency container needs reflect-metadata loaded before it, wherever it is
// imported first.
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

export { x509 };
