-- The first time that a gateway's audit moved back, as JSON; kept until it is enrolled anew.
ALTER TABLE gateways ADD COLUMN audit_alarm TEXT;
