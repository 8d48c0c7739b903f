import { Module } from '@nestjs/common';
import { ChangeTenant } from './change-tenant.js';
import { CreateTenant } from './create-tenant.js';
import { DeleteTenant } from './delete-tenant.js';
import { TenantsController } from './tenants.controller.js';

@Module({ controllers: [TenantsController], providers: [CreateTenant, ChangeTenant, DeleteTenant] })
export class TenantsModule {}
