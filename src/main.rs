fn main() -> anyhow::Result<()> {
    metawsm::crds::write_to(std::path::Path::new("crds"))
}
