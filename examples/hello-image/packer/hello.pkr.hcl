variable "name" {
  type    = string
  default = "Image Factory"
}

source "file" "hello" {
  content = "Hello from ${var.name}.\n"
  target  = "output/hello.txt"
}

build {
  sources = ["source.file.hello"]

  post-processor "manifest" {
    output = "manifest.json"
  }
}
