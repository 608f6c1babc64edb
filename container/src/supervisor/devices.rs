//! Devices, through OpenClaw's own API: what it says of them, and what somebody wants done.

use domain::devices;
use domain::drift::excess;
use domain::wire::devices::{DeviceOrder, DeviceVerb};
use domain::wire::init::Report;
use serde_json::{Value, json};

use super::Supervisor;

impl Supervisor {
    /// What OpenClaw says of devices; none when it does not answer.
    pub(super) fn list_devices(&self) -> Option<Value> {
        self.openclaw.call("device.pair.list", &json!({}))
    }

    /// Reports that when it is not what was last reported.
    pub(super) fn report_devices(&mut self, answer: Option<&Value>) {
        let Some(report) = answer.and_then(devices::read) else {
            return;
        };
        if self.watched.devices.as_ref() != Some(&report) {
            self.watched.devices = Some(report.clone());
            self.report(Report::Devices { report });
        }
    }

    pub(super) fn device_orders(&self) -> Vec<DeviceOrder> {
        let installed = self.installed.as_ref();
        installed
            .map(|bundle| bundle.watch.devices.clone())
            .unwrap_or_default()
    }

    /// Does what was asked for and not done yet.
    pub(super) fn carry_out_device_orders(&mut self) {
        for order in self.device_orders() {
            if self.carried_out.contains(&order.id) {
                continue;
            }
            let error = self.carry_out(&order).err();
            self.carried_out.push(order.id.clone());
            self.report(Report::DeviceDone {
                id: order.id,
                error,
            });
        }
    }

    fn carry_out(&self, order: &DeviceOrder) -> Result<(), String> {
        let target = &order.target;
        let (method, parameters) = match order.verb {
            DeviceVerb::Approve => {
                self.check_request(target)?;
                ("device.pair.approve", json!({ "requestId": target }))
            }
            DeviceVerb::Reject => ("device.pair.reject", json!({ "requestId": target })),
            DeviceVerb::Revoke => ("device.pair.remove", json!({ "deviceId": target })),
        };
        self.openclaw.try_call(method, &parameters).map(drop)
    }

    /// Looks again at what is about to be granted: who decided saw it some time ago.
    fn check_request(&self, id: &str) -> Result<(), String> {
        let answer = self.list_devices().ok_or("OpenClaw does not answer")?;
        let pending = answer.get("pending").and_then(Value::as_array);
        let asked = |item: &&Value| item.get("requestId").and_then(Value::as_str) == Some(id);
        let request = pending.into_iter().flatten().find(asked);
        let request = request.ok_or("the request does not wait any more")?;
        match excess(request).as_slice() {
            [] => Ok(()),
            odd => Err(format!(
                "it asks for {}, which no device may hold",
                odd.join(", ")
            )),
        }
    }
}
